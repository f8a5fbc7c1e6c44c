import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/database/embedded/index.js';
import { startRedis, type TestRedis } from './redis.js';
import { basic, freePort } from './server.js';
import { asDatabaseUrl, ServerBuild, type ServerProcess } from './server-process.js';

/** How one receiver treats a delivery: the status, or `drop` for a connection that is cut after the event was taken. */
export type Treatment = (event: {
  readonly id: string;
  readonly data: { readonly poison: boolean };
}) => number | 'drop';

/** What one receiver got: the `webhook-id`s under which each event came, and how often. */
export class Receiver {
  readonly webhookIds = new Map<string, Set<string>>();
  deliveries = 0;

  private constructor(
    readonly name: string,
    readonly url: string,
    private readonly server: Server,
  ) {}

  static async start(name: string, treatment: Treatment, delayMs = 0): Promise<Receiver> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const receiver = new Receiver(name, `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, server);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('error', () => undefined);
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const event = JSON.parse(Buffer.concat(chunks).toString()) as Parameters<Treatment>[0];
        const outcome = treatment(event);
        receiver.deliveries += 1;
        if (outcome === 'drop' || outcome < 300) receiver.remember(event.id, String(request.headers['webhook-id']));
        setTimeout(() => {
          if (outcome === 'drop') request.socket.destroy();
          else response.writeHead(outcome).end();
        }, delayMs);
      });
    });
    return receiver;
  }

  private remember(eventId: string, webhookId: string): void {
    const known = this.webhookIds.get(eventId);
    if (known === undefined) this.webhookIds.set(eventId, new Set([webhookId]));
    else known.add(webhookId);
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}

/** Two servers, their PostgreSQL and perhaps a Redis, each of which may be killed at any time and comes back. */
export class ChaosWorld {
  readonly admin = { client_id: 'admin', client_secret: randomBytes(32).toString('hex') };
  private readonly servers: ServerProcess[] = [];
  private readonly ports: number[] = [];

  private constructor(
    private readonly build: ServerBuild,
    private readonly directory: string,
    private readonly postgres: EmbeddedPostgres,
    private readonly redis: TestRedis | undefined,
    private readonly env: Readonly<Record<string, string>>,
  ) {}

  static async start(backend: 'postgres' | 'redis'): Promise<ChaosWorld> {
    const directory = mkdtempSync(join(tmpdir(), 'signet-chaos-'));
    const build = new ServerBuild();
    const postgres = await startEmbeddedPostgres({ dataDir: directory, log: () => undefined });
    const redis = backend === 'redis' ? await startRedis() : undefined;
    const world = new ChaosWorld(build, directory, postgres, redis, {
      DATABASE_URL: asDatabaseUrl(postgres.url),
      KEY_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
      ISSUER: 'http://127.0.0.1:3000',
      ACCESS_TOKEN_TTL_SECONDS: '3600',
      EVENT_TARGET_NETWORKS: '127.0.0.0/8',
      LOG_LEVEL: 'error',
      ...(redis !== undefined && { REDIS_URL: redis.url }),
    });
    for (let at = 0; at < 2; at += 1) {
      world.ports.push(await freePort());
      await world.launch(at);
    }
    return world;
  }

  private async launch(at: number): Promise<void> {
    const env = {
      ...this.env,
      BOOTSTRAP_CLIENT_ID: this.admin.client_id,
      BOOTSTRAP_CLIENT_SECRET: this.admin.client_secret,
      PORT: String(this.ports[at]),
    };
    const server = this.build.start({ cwd: this.directory, env });
    this.servers[at] = server;
    await server.ready();
  }

  /** kill -9, and a new start. */
  async killServer(at: number): Promise<void> {
    this.servers[at]?.kill('SIGKILL');
    await this.servers[at]?.exited;
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.launch(at);
      } catch (error) {
        // PostgreSQL may be on its way down or up: a supervisor would try again, too.
        if (attempt === 10) throw error;
        await sleep(200);
      }
    }
  }

  /** Ends PostgreSQL by a signal; it is started again by whoever watches over it. */
  killPostgres(signal: 'SIGKILL' | 'SIGINT' | 'SIGQUIT'): void {
    try {
      const pidFile = readFileSync(join(this.directory, 'postgres', 'postmaster.pid'), 'utf8');
      process.kill(Number(pidFile.split('\n', 1)[0]), signal);
    } catch {
      // Not up again yet.
    }
  }

  async flushRedis(): Promise<void> {
    await this.redis?.flush();
  }

  async restartRedis(): Promise<void> {
    await this.redis?.restart();
  }

  /** A request to one of the servers; `undefined` without an answer within five seconds. */
  async fetch(at: number, path: string, init: RequestInit): Promise<Response | undefined> {
    const signal = AbortSignal.timeout(5_000);
    return fetch(`http://127.0.0.1:${this.ports[at % 2]}${path}`, { ...init, signal }).catch(() => undefined);
  }

  /** A token, however long it takes. */
  async token(client: { client_id: string; client_secret: string }): Promise<string> {
    for (let at = 0; ; at += 1) {
      const body = new URLSearchParams({ grant_type: 'client_credentials' });
      const answer = await this.fetch(at, '/oauth/token', {
        method: 'POST',
        headers: { authorization: basic(client) },
        body,
      });
      if (answer?.ok === true) return ((await answer.json()) as { access_token: string }).access_token;
      await sleep(100);
    }
  }

  async stop(): Promise<void> {
    await this.build.close();
    await this.redis?.stop();
    await this.postgres.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
