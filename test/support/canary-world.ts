import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Canaries, type SearchedPlace, withBytes } from './canaries.js';
import { runSignet } from './command-line.js';
import { DebianPostgres, postgresTools } from './debian-postgres.js';
import { createMigratedDatabase } from './migrated-database.js';
import { type Receiver, startReceiver } from './receiver.js';
import { basic, type Credentials, freePort } from './server.js';
import { asDatabaseUrl, ServerBuild, type ServerProcess, type ServerProcessOptions } from './server-process.js';

/** What the API has answered. */
export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

interface Surroundings {
  readonly databaseUrl: string;
  readonly postgres: DebianPostgres | undefined;
  readonly port: number;
  /** Of deliveries, and of traces. */
  readonly receiver: Receiver;
  readonly collector: Receiver;
  readonly dropDatabase: () => Promise<void>;
}

/** Members of an answer that are secrets. */
const secretMembers = ['access_token', 'refresh_token', 'client_secret', 'signing_secret'] as const;

/**
 * A server at debug level with all that it talks to. Whatever secret it gives out becomes a canary. Where PostgreSQL is
 * installed with its tools, the database is one with a password, of which there can be a dump.
 */
export class CanaryWorld {
  readonly canaries = new Canaries();
  readonly encryptionKey = this.canaries.add('key-encryption key', randomBytes(32).toString('base64'));
  readonly admin: Credentials = {
    client_id: 'operator',
    client_secret: this.canaries.add('bootstrap secret', randomBytes(32).toString('hex')),
  };
  /** Where commands run. */
  readonly directory = mkdtempSync(join(tmpdir(), 'signet-canary-'));
  readonly dataDirectory = join(this.directory, 'data');
  readonly build = new ServerBuild();
  readonly issuer: string;
  private readonly written: SearchedPlace[] = [];
  private server: ServerProcess | undefined;
  private adminToken = '';

  private constructor(private readonly around: Surroundings) {
    this.issuer = `http://127.0.0.1:${around.port}`;
  }

  static async open(): Promise<CanaryWorld> {
    const bin = postgresTools();
    const password = randomBytes(24).toString('hex');
    // All that servers send to the database, parameters included, is in its log.
    const settings = ['log_statement=all', 'log_min_messages=info'];
    const postgres = bin === undefined ? undefined : await DebianPostgres.start(bin, password, settings);
    const database = postgres === undefined ? await createMigratedDatabase() : undefined;
    const world = new CanaryWorld({
      databaseUrl: postgres?.url ?? asDatabaseUrl(database?.url ?? ''),
      postgres,
      port: await freePort(),
      receiver: await startReceiver(),
      collector: await startReceiver((_, response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      }),
      dropDatabase: async () => database?.drop(),
    });
    if (postgres !== undefined) world.canaries.add('database password', password);
    world.canaries.add('Basic credentials', basic(world.admin).slice('Basic '.length));
    return world;
  }

  get databaseUrl(): string {
    return this.around.databaseUrl;
  }

  get receiver(): Receiver {
    return this.around.receiver;
  }

  /** The whole database as `pg_dump` writes it; `undefined` where no PostgreSQL is installed. */
  get dump(): string | undefined {
    return this.around.postgres?.dump();
  }

  /** What the servers, the commands and PostgreSQL have written, what was delivered, and what the collector of traces got. */
  get places(): SearchedPlace[] {
    return [
      ...this.written,
      withBytes('log of PostgreSQL', this.around.postgres?.log ?? ''),
      { name: 'what was delivered', text: this.receiver.received.map(({ body }) => body).join('\n') },
      { name: 'traces', text: this.around.collector.received.map(({ body }) => body).join('\n') },
    ];
  }

  /** The environment of the server. */
  get env(): Readonly<Record<string, string>> {
    return {
      PORT: String(this.around.port),
      ISSUER: this.issuer,
      DATABASE_URL: this.databaseUrl,
      DATA_DIR: this.dataDirectory,
      KEY_ENCRYPTION_KEY: this.encryptionKey,
      BOOTSTRAP_CLIENT_ID: this.admin.client_id,
      BOOTSTRAP_CLIENT_SECRET: this.admin.client_secret,
      EVENT_TARGET_NETWORKS: '127.0.0.0/8',
      OTEL_EXPORTER_OTLP_ENDPOINT: new URL(this.around.collector.url).origin,
      LOG_LEVEL: 'debug',
    };
  }

  /** Starts the server, and gets a token of the administrator. */
  async start(more: Readonly<Record<string, string>> = {}): Promise<void> {
    const options: ServerProcessOptions = { cwd: this.directory, env: { ...this.env, ...more } };
    this.server = await this.build.start(options).ready();
    this.adminToken = String((await this.token({}, { authorization: basic(this.admin) }))['access_token']);
  }

  async stop(): Promise<void> {
    expect(await this.server?.stop()).toBe(0);
    this.keep('output of a server', this.server?.output ?? '');
  }

  /** A server that cannot start. */
  async failToStart(name: string, more: Readonly<Record<string, string>>): Promise<void> {
    const server = this.build.start({ cwd: this.directory, env: { ...this.env, ...more } });
    expect([name, await server.exited]).toEqual([name, expect.any(Number)]);
    expect(server.output).not.toContain('is ready');
    this.keep(`output with ${name}`, server.output);
  }

  /** A command; what it writes is searched. */
  async command(args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<number | string> {
    const { client_id: id, client_secret: secret } = this.admin;
    const env = { ...this.env, SIGNET_URL: this.issuer, SIGNET_CLIENT_ID: id, SIGNET_CLIENT_SECRET: secret, ...more };
    const { code, stdout, stderr } = await runSignet(this.build, args, { env, cwd: this.directory });
    this.keep(`signet ${args.join(' ')}`, stdout + stderr);
    return code;
  }

  keep(name: string, text: string): void {
    this.written.push({ name, text });
  }

  async close(): Promise<void> {
    await this.build.close();
    await Promise.all([this.receiver.close(), this.around.collector.close()]);
    await this.around.dropDatabase();
    await this.around.postgres?.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  async fetch(path: string, init?: RequestInit): Promise<Response> {
    if (this.server === undefined) throw new Error('there is no server');
    return this.server.fetch(path, init);
  }

  async post(path: string, form: Record<string, string>, headers: Record<string, string> = {}): Promise<Answer> {
    return this.answerOf(await this.fetch(path, { method: 'POST', headers, body: new URLSearchParams(form) }));
  }

  /** A token request that must succeed. */
  async token(
    form: Record<string, string>,
    headers: Record<string, string> = {},
  ): Promise<Readonly<Record<string, unknown>>> {
    const { status, body } = await this.post('/oauth/token', { grant_type: 'client_credentials', ...form }, headers);
    expect([status, body['error']]).toEqual([200, undefined]);
    return body;
  }

  async asAdmin(method: string, path: string, body?: unknown): Promise<Answer> {
    const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const headers = { authorization: `Bearer ${this.adminToken}`, 'content-type': contentType };
    const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
    return this.answerOf(await this.fetch(path, init));
  }

  /** What the server gives out to an administrator, as text. */
  async read(path: string): Promise<void> {
    const response = await this.fetch(path, { headers: { authorization: `Bearer ${this.adminToken}` } });
    expect([path, response.status]).toEqual([path, 200]);
    this.keep(path, await response.text());
  }

  async create(members: Readonly<Record<string, unknown>>): Promise<Credentials> {
    const { status, body } = await this.asAdmin('POST', '/admin/oauth/clients', members);
    expect(status).toBe(201);
    return body as unknown as Credentials;
  }

  private async answerOf(response: Response): Promise<Answer> {
    const text = await response.text();
    const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
    for (const member of secretMembers) {
      const value = body[member];
      if (typeof value !== 'string') continue;
      this.canaries.add(member, value);
      const [, base64] = /^whsec_(.+)$/.exec(value) ?? [];
      if (base64 !== undefined) this.canaries.add(`bytes of a ${member}`, Buffer.from(base64, 'base64'));
    }
    return { status: response.status, body };
  }
}
