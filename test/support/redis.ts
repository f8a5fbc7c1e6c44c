import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { freePort } from './free-port.js';

/** A real Redis for one test file. It keeps nothing on disk. */
export interface TestRedis {
  readonly url: string;
  /** Kills it and starts it anew at the same URL, empty. */
  restart(): Promise<void>;
  /** Kills it; `restart` brings it back. */
  kill(): Promise<void>;
  /** SIGSTOP, then SIGCONT: it holds its connections and answers nothing meanwhile. */
  stall(): void;
  goOn(): void;
  /** Runs any command on it. */
  command(name: string, ...values: string[]): Promise<unknown>;
  /** FLUSHALL. */
  flush(): Promise<void>;
  stop(): Promise<void>;
}

/** Whether `redis-server` (Debian package of that name) is installed. */
export function redisAvailable(): boolean {
  return spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).status === 0;
}

/**
 * `it` for a test that needs Redis. Where there is none the test is reported as `todo`; in CI (`CI=true`) or with
 * `SIGNET_REQUIRE_REDIS=1` it fails instead, so that a run that must cover Redis cannot pass without it.
 */
export function redisIt(): (title: string, test: () => Promise<void>) => void {
  if (redisAvailable()) return (title, test) => it(title, test);
  if (process.env['CI'] === 'true' || process.env['SIGNET_REQUIRE_REDIS'] === '1') {
    return (title) =>
      it(title, () => {
        throw new Error(
          'redis-server is not installed, but CI=true or SIGNET_REQUIRE_REDIS=1 asks for it: apt-get install redis-server',
        );
      });
  }
  return (title) => it.todo(`${title} (redis-server is not installed)`);
}

/**
 * Starts a Redis on a free port of the loopback interface.
 *
 * @throws Error when it does not answer within ten seconds
 */
export async function startRedis(): Promise<TestRedis> {
  const directory = await mkdtemp(join(tmpdir(), 'signet-redis-'));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  let server = await launch(port, directory, url);
  return {
    url,
    async restart() {
      await kill(server);
      server = await launch(port, directory, url);
    },
    kill: () => kill(server),
    stall: () => void server.kill('SIGSTOP'),
    goOn: () => void server.kill('SIGCONT'),
    async command(name, ...values) {
      const client = new Redis(url);
      try {
        return await client.call(name, ...values);
      } finally {
        client.disconnect();
      }
    },
    async flush() {
      const client = new Redis(url);
      await client.flushall();
      client.disconnect();
    },
    async stop() {
      await kill(server);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function launch(port: number, directory: string, url: string): Promise<ChildProcess> {
  const options = [
    '--bind',
    '127.0.0.1',
    '--port',
    String(port),
    '--dir',
    directory,
    '--save',
    '',
    '--appendonly',
    'no',
  ];
  const server = spawn('redis-server', options, { stdio: 'ignore' });
  const client = new Redis(url, { retryStrategy: () => 20, maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  const answer = await Promise.race([client.ping(), sleep(10_000, 'late', { ref: false })]);
  client.disconnect();
  if (answer === 'PONG') return server;
  await kill(server);
  throw new Error('redis-server did not start');
}

async function kill(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exited = once(server, 'exit');
  server.kill('SIGKILL');
  await exited;
}
