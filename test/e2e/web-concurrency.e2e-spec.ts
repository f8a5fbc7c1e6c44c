import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { gone, postmasterPid } from '../support/embedded-installation.js';
import { createMigratedDatabase } from '../support/migrated-database.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { basic, type Credentials, freePort } from '../support/server.js';
import { asDatabaseUrl, ServerBuild, type ServerProcess } from '../support/server-process.js';

let build: ServerBuild;
const directories: string[] = [];
const databases: TestDatabase[] = [];
const admin: Credentials = { client_id: 'operator', client_secret: randomBytes(32).toString('hex') };

beforeAll(() => {
  build = new ServerBuild();
});

afterAll(async () => {
  await build.close();
  await Promise.all(databases.map((database) => database.drop()));
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

function emptyDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'signet-cluster-'));
  directories.push(directory);
  return directory;
}

/** The environment of a server of two processes on a database outside. */
async function outside(create = createMigratedDatabase): Promise<Record<string, string>> {
  const database = await create();
  databases.push(database);
  return {
    DATABASE_URL: asDatabaseUrl(database.url),
    KEY_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    BOOTSTRAP_CLIENT_ID: admin.client_id,
    BOOTSTRAP_CLIENT_SECRET: admin.client_secret,
    PORT: String(await freePort()),
    LOG_LEVEL: 'debug',
    WEB_CONCURRENCY: '2',
  };
}

function start(env: Readonly<Record<string, string>>, cwd = emptyDirectory()): ServerProcess {
  return build.start({ cwd, env });
}

/** The processes that have begun to answer, oldest first. */
function pids(server: ServerProcess): number[] {
  return [...server.stderr.matchAll(/^process (\d+) answers$/gm)].map(([, pid]) => Number(pid));
}

/** Waits until so many processes have begun to answer. */
async function answering(server: ServerProcess, count: number): Promise<number[]> {
  return until(() => (pids(server).length >= count ? pids(server) : undefined), server);
}

async function until<T>(look: () => T | undefined | Promise<T | undefined>, server: ServerProcess): Promise<T> {
  for (const limit = Date.now() + 30_000; Date.now() < limit;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    await sleep(20);
  }
  throw new Error(`it does not come: ${server.output.slice(-5_000)}`);
}

/** Each request on a connection of its own, unless `keepAlive`. */
function requestToken(server: ServerProcess, credentials = admin, keepAlive = false): Promise<Response> {
  const headers = { authorization: basic(credentials), ...(keepAlive ? {} : { connection: 'close' }) };
  const body = new URLSearchParams({ grant_type: 'client_credentials' });
  return server.fetch('/oauth/token', { method: 'POST', headers, body, signal: AbortSignal.timeout(10_000) });
}

/** Ten requests, each answered with a token; one that was on its way into a process that has died is cut, and made again. */
async function served(server: ServerProcess): Promise<void> {
  let cut = 0;
  for (let request = 0; request < 10; request += 1) {
    const response = await requestToken(server).catch((error: unknown) => {
      if ((error as Error).name === 'TimeoutError' || (cut += 1) > 2) throw error;
      return requestToken(server);
    });
    expect(response.status).toBe(200);
  }
}

/** The processes that have written of an answer to a token request. */
function answerers(server: ServerProcess): Set<number> {
  const lines = server.stdout.split('\n').filter((line) => line.includes('"route":"/oauth/token"'));
  return new Set(lines.map((line) => (JSON.parse(line) as { pid: number }).pid));
}

async function query<Row>(url: string, statement: string): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(statement)).rows as Row[];
  } finally {
    await client.end();
  }
}

/** The lines that are no structured log: what the operator is told. */
function told(text: string): string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
}

/** Requests without a pause until `stop`, some on connections that are kept; what became of them. */
function load(server: ServerProcess): { stop(): Promise<Map<string, number>>; count(): number } {
  const outcomes = new Map<string, number>();
  const done = new AbortController();
  const work = async (keepAlive: boolean): Promise<void> => {
    while (!done.signal.aborted) {
      const outcome = await requestToken(server, admin, keepAlive).then(
        async (response) => [String(response.status), await response.text()],
        (error: unknown) => [String((error as { cause?: unknown }).cause ?? error)],
      );
      outcomes.set(outcome[0]!, (outcomes.get(outcome[0]!) ?? 0) + 1);
      await sleep(2);
    }
  };
  const workers = Array.from({ length: 6 }, (_, index) => work(index % 2 === 0));
  return {
    count: () => [...outcomes.values()].reduce((sum, count) => sum + count, 0),
    stop: async () => {
      done.abort();
      await Promise.all(workers);
      return outcomes;
    },
  };
}

describe('WEB_CONCURRENCY=2', () => {
  it('answers from two processes, goes on without one of them, and replaces it', async () => {
    const env = await outside(createTestDatabase);
    const server = await start(env).ready();
    expect(told(server.stdout)).toEqual([
      expect.stringMatching(/^Signet is ready at /),
      'The admin client operator was made from BOOTSTRAP_CLIENT_ID and BOOTSTRAP_CLIENT_SECRET.',
    ]);
    const [one = 0, other = 0] = pids(server);
    for (let request = 0; request < 10; request += 1) expect((await requestToken(server)).status).toBe(200);
    await until(() => (answerers(server).size === 2 ? true : undefined), server);
    expect(answerers(server)).toEqual(new Set([one, other]));

    process.kill(one, 'SIGKILL');
    await served(server);
    const [, , third = 0] = await answering(server, 3);
    process.kill(other, 'SIGKILL');
    await served(server);
    expect(answerers(server)).toContain(third);
    expect(server.stderr).toContain(`process ${one} has ended (SIGKILL); another one is started`);
    await answering(server, 4);
    expect(await server.stop()).toBe(0);
  });

  it('lets nobody wait for a process that has died before it took the connection', async () => {
    const server = await start(await outside()).ready();
    const [hung = 0] = pids(server);
    process.kill(hung, 'SIGSTOP');
    const outcomes = Array.from({ length: 4 }, () =>
      requestToken(server).then(
        ({ status }) => String(status),
        (error: Error) => error.name,
      ),
    );
    await sleep(1_000);
    process.kill(hung, 'SIGKILL');
    // Not `TimeoutError`: the connection has been ended.
    expect((await Promise.all(outcomes)).toSorted((a, b) => a.localeCompare(b))).toEqual([
      '200',
      '200',
      '200',
      'TypeError',
    ]);
    expect(await server.stop()).toBe(0);
  });

  it('has one process that runs the scheduled jobs, and another one when that has ended', async () => {
    const env = await outside();
    const server = await start(env).ready();
    const runners = async (): Promise<number> => {
      const statement = `SELECT 1 FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'scheduled'`;
      return (await query(env['DATABASE_URL'] ?? '', statement)).length;
    };
    const oneRuns = () => until(async () => ((await runners()) === 1 ? true : undefined), server);
    await oneRuns();
    for (const [killed, pid] of pids(server).entries()) {
      process.kill(pid, 'SIGKILL');
      await answering(server, 3 + killed);
      await oneRuns();
      await sleep(500);
      expect(await runners()).toBe(1);
    }
    expect(await server.stop()).toBe(0);
  });

  it('Z-19: ends with 0 at SIGTERM under load, and each stored token has reached its client', async () => {
    const env = await outside();
    const server = await start(env).ready();
    const running = load(server);
    await until(() => (running.count() >= 100 ? true : undefined), server);
    server.kill('SIGTERM');
    expect(await server.exited).toBe(0);
    const given = (await running.stop()).get('200');
    const stored = await query<{ count: number }>(env['DATABASE_URL'] ?? '', 'SELECT count(*)::int FROM access_tokens');
    expect(stored).toEqual([{ count: given }]);
    for (const pid of pids(server)) await gone(pid);
  });

  it('replaces its processes at SIGHUP, and no request fails', async () => {
    const server = await start(await outside()).ready();
    const before = pids(server);
    const running = load(server);
    await until(() => (running.count() >= 50 ? true : undefined), server);
    server.kill('SIGHUP');
    await until(() => (server.stderr.includes('all processes have been replaced') ? true : undefined), server);
    const begun = running.count();
    await until(() => (running.count() >= begun + 50 ? true : undefined), server);
    expect([...(await running.stop()).keys()]).toEqual(['200']);
    for (const pid of before) await gone(pid);
    const after = pids(server).slice(2);
    expect(after).toHaveLength(2);
    expect(answerers(server)).toEqual(new Set([...before, ...after]));
    expect(await server.stop()).toBe(0);
  });

  it('replaces its processes though SIGHUP comes before the last of them answers', async () => {
    const server = start(await outside());
    const before = await answering(server, 1);
    server.kill('SIGHUP');
    await until(() => (server.stderr.includes('all processes have been replaced') ? true : undefined), server);
    expect(told(server.stderr)).toContain('the processes are replaced as soon as all of them answer');
    const [first = 0, second = 0, ...after] = pids(server);
    expect(after).toHaveLength(2);
    expect([first]).toEqual(before);
    for (const pid of [first, second]) await gone(pid);
    expect((await requestToken(server)).status).toBe(200);
    expect(await server.stop()).toBe(0);
  });

  it('gives up when its processes end again and again', async () => {
    const server = await start({ ...(await outside()), LOG_LEVEL: 'silent' }).ready();
    const seen = new Set<number>();
    const killing = setInterval(() => {
      for (const pid of pids(server)) {
        if (!seen.has(pid)) process.kill(pid, 'SIGKILL');
        seen.add(pid);
      }
    }, 20);
    expect(await server.exited).toBe(1);
    clearInterval(killing);
    expect(told(server.stderr).at(-1)).toMatch(/ has ended \(SIGKILL\): the processes end again and again/);
    for (const pid of seen) await gone(pid);
  });
});

describe('WEB_CONCURRENCY=2 with a wrong configuration', () => {
  it('C-01: ends with 78 before there is a process more, each fault once', async () => {
    const cwd = emptyDirectory();
    const env = { ...(await outside()), KEY_ENCRYPTION_KEY: 'short', LOG_LEVEL: 'loud', WEB_CONCURRENCY: '2' };
    const server = start(env, cwd);
    expect(await server.exited).toBe(78);
    expect(server.stdout).toBe('');
    expect(told(server.stderr)).toEqual([
      expect.stringMatching(/^KEY_ENCRYPTION_KEY: /),
      expect.stringMatching(/^LOG_LEVEL: /),
    ]);
    expect(readdirSync(cwd)).toEqual([]);
  });

  it('C-13: says once that the key is not the one of the database', async () => {
    const env = await outside();
    expect(await (await start(env).ready()).stop()).toBe(0);
    const server = start({ ...env, KEY_ENCRYPTION_KEY: randomBytes(32).toString('base64'), LOG_LEVEL: 'silent' });
    expect(await server.exited).toBe(78);
    expect(server.output).toMatch(/^KEY_ENCRYPTION_KEY: [^\n]+\n$/);
  });

  it('says once that it cannot listen', async () => {
    const occupant = createServer().listen(0, '127.0.0.1');
    await once(occupant, 'listening');
    const address = occupant.address();
    const PORT = String(typeof address === 'object' ? address?.port : address);
    const server = start({ ...(await outside()), PORT, LOG_LEVEL: 'silent' });
    expect(await server.exited).toBe(1);
    expect(server.output).toBe('PORT: the address is already in use\n');
    occupant.close();
  });
});

describe('WEB_CONCURRENCY=2 with the embedded PostgreSQL', () => {
  it('has one of it, makes the admin client once, and leaves nothing behind when it is killed', async () => {
    const cwd = emptyDirectory();
    const env = { PORT: String(await freePort()), WEB_CONCURRENCY: '2' };
    const dataDir = join(cwd, 'data');
    const server = await start(env, cwd).ready();
    expect(told(server.stdout).filter((line) => line.startsWith('Signet is ready'))).toHaveLength(1);
    expect(server.stdout.match(/curl /g)).toHaveLength(1);
    expect(server.stderr.match(/embedded PostgreSQL .* started/g)).toHaveLength(1);
    const made = JSON.parse(readFileSync(join(dataDir, 'bootstrap-client.json'), 'utf8')) as Credentials;
    for (let request = 0; request < 6; request += 1) expect((await requestToken(server, made)).status).toBe(200);

    const left = [...pids(server), postmasterPid(dataDir)];
    server.kill('SIGKILL');
    await server.exited;
    for (const pid of left) await gone(pid);

    const again = await start(env, cwd).ready();
    expect((await requestToken(again, made)).status).toBe(200);
    const postmaster = postmasterPid(dataDir);
    expect(await again.stop()).toBe(0);
    for (const pid of [...pids(again), postmaster]) await gone(pid);
  });
});

describe('WEB_CONCURRENCY=1', () => {
  it('has no other process, and takes no notice of SIGHUP', async () => {
    const server = await start({ ...(await outside()), WEB_CONCURRENCY: '1' }).ready();
    server.kill('SIGHUP');
    await until(() => (server.stderr.includes('SIGHUP has no effect') ? true : undefined), server);
    expect((await requestToken(server)).status).toBe(200);
    expect(pids(server)).toEqual([]);
    expect(await server.stop()).toBe(0);
  });
});
