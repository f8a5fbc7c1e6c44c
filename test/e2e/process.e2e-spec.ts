import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { connect as connectTo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { decodeJwt } from 'jose';
import { Client } from 'pg';
import { gone, postmasterPid } from '../support/embedded-installation.js';
import { createMigratedDatabase } from '../support/migrated-database.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { basic, type Credentials, freePort } from '../support/server.js';
import { asDatabaseUrl, embeddedDatabaseUrl, ServerBuild, type ServerProcess } from '../support/server-process.js';

let build: ServerBuild;
const directories: string[] = [];
const databases: TestDatabase[] = [];

beforeAll(() => {
  build = new ServerBuild();
});

afterAll(async () => {
  await build.close();
  await Promise.all(databases.map((database) => database.drop()));
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

function emptyDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'signet-process-'));
  directories.push(directory);
  return directory;
}

async function newDatabase(create = createMigratedDatabase): Promise<string> {
  const database = await create();
  databases.push(database);
  return asDatabaseUrl(database.url);
}

interface Surroundings {
  readonly url: string;
  readonly admin: Credentials;
  readonly env: Readonly<Record<string, string>>;
}

/** What a server needs that has a database of its own outside. */
async function surroundings(create = createMigratedDatabase): Promise<Surroundings> {
  const url = await newDatabase(create);
  const admin = { client_id: 'operator', client_secret: randomBytes(32).toString('hex') };
  const env = {
    DATABASE_URL: url,
    KEY_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    BOOTSTRAP_CLIENT_ID: admin.client_id,
    BOOTSTRAP_CLIENT_SECRET: admin.client_secret,
    LOG_LEVEL: 'info',
  };
  return { url, admin, env };
}

async function start(env: Readonly<Record<string, string>>, cwd = emptyDirectory()): Promise<ServerProcess> {
  return build.start({ cwd, env: { PORT: String(await freePort()), ...env } });
}

async function startReady(env: Readonly<Record<string, string>>, cwd?: string): Promise<ServerProcess> {
  return (await start(env, cwd)).ready();
}

/** A process and its children. */
function familyOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return [pid, ...children.split(' ').map(Number)];
}

async function query<Row>(url: string, statement: string, values: unknown[] = []): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(statement, values)).rows as Row[];
  } finally {
    await client.end();
  }
}

function requestToken(server: ServerProcess, credentials: Credentials, init: RequestInit = {}): Promise<Response> {
  const headers = { authorization: basic(credentials) };
  const body = new URLSearchParams({ grant_type: 'client_credentials' });
  return server.fetch('/oauth/token', { method: 'POST', headers, body, ...init });
}

async function tokenOf(server: ServerProcess, credentials: Credentials): Promise<string> {
  const response = await requestToken(server, credentials);
  expect(response.status).toBe(200);
  return ((await response.json()) as { access_token: string }).access_token;
}

async function asAdmin(server: ServerProcess, token: string, method: string, path: string, body?: unknown) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const init =
    body === undefined
      ? { method, headers: { authorization: headers.authorization } }
      : { method, headers, body: JSON.stringify(body) };
  return server.fetch(path, init);
}

/** The lines that are no structured log: what the operator is told. */
function told(text: string): string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
}

describe('a server with its own PostgreSQL', () => {
  let cwd: string;
  let server: ServerProcess;
  let env: Record<string, string>;

  beforeAll(async () => {
    cwd = emptyDirectory();
    env = { PORT: String(await freePort()) };
    server = await startReady(env, cwd);
  });

  afterAll(() => server.stop());

  const file = () => join(cwd, 'data', 'bootstrap-client.json');
  const credentials = () => JSON.parse(readFileSync(file(), 'utf8')) as Credentials;

  async function restart(): Promise<void> {
    server = await startReady(env, cwd);
  }

  it('says at its first start where it is, where the credentials are, and how to get a token; never the secret', async () => {
    const lines = told(server.stdout);
    expect(lines).toEqual([
      `Signet is ready at http://localhost:${env['PORT']}`,
      'The credentials of the admin client are in data/bootstrap-client.json',
      'Get a first token:',
      expect.stringMatching(/^ {2}curl /),
    ]);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(statSync(join(cwd, 'data')).mode & 0o077).toBe(0);
    expect(server.output).not.toContain(credentials().client_secret.slice(-12));
  });

  const pasting = 'prints a curl that works when pasted';
  // Where there is no curl the test is reported as todo; in CI it fails instead.
  if (spawnSync('curl', ['--version']).status !== 0 && process.env['CI'] !== 'true') {
    it.todo(`${pasting} (curl is not installed)`);
  } else {
    it(pasting, async () => {
      const line = told(server.stdout).find((text) => text.startsWith('  curl ')) ?? '';
      const pasted = await promisify(execFile)('/bin/sh', ['-c', line], { cwd });
      expect(JSON.parse(pasted.stdout)).toEqual({
        access_token: expect.any(String),
        token_type: 'Bearer',
        expires_in: 600,
        scope: 'admin:full',
      });
    });
  }

  it('ends with 0 on SIGTERM and takes PostgreSQL along; the next start says no more than where it is', async () => {
    const postgres = postmasterPid(join(cwd, 'data'));
    const before = credentials();
    expect(await tokenOf(server, before)).toEqual(expect.any(String));
    expect(await server.stop()).toBe(0);
    await gone(postgres);

    await restart();
    expect(told(server.stdout)).toEqual([`Signet is ready at http://localhost:${env['PORT']}`]);
    expect(credentials()).toEqual(before);
    const clients = await asAdmin(server, await tokenOf(server, before), 'GET', '/admin/oauth/clients');
    expect(((await clients.json()) as { items: unknown[] }).items).toMatchObject([{ client_id: before.client_id }]);
  });

  it('says where the credentials are when the first start got no further than that', async () => {
    const directory = emptyDirectory();
    const occupant = createServer().listen(0, '127.0.0.1');
    await once(occupant, 'listening');
    const address = occupant.address();
    const PORT = String(typeof address === 'object' ? address?.port : address);
    const failed = await start({ PORT }, directory);
    expect(await failed.exited).toBe(1);
    expect(told(failed.stdout)).toEqual([]);
    await new Promise((resolve) => occupant.close(resolve));
    const second = await startReady({ PORT }, directory);
    expect(told(second.stdout)).toContain('The credentials of the admin client are in data/bootstrap-client.json');
    expect(await second.stop()).toBe(0);
  });

  it('leaves no PostgreSQL behind when it is killed, and starts again on its data', async () => {
    const postgres = postmasterPid(join(cwd, 'data'));
    server.kill('SIGKILL');
    expect(await server.exited).toBe('SIGKILL');
    await gone(postgres);

    await restart();
    expect(await tokenOf(server, credentials())).toEqual(expect.any(String));
  });

  it('Z-15, T-23: gives no token that is not stored while PostgreSQL is restarted, shot and killed, and no fault but 503', async () => {
    const jtis: string[] = [];
    const answers = new Set<string>();
    const enough = new AbortController();
    const work = async (): Promise<void> => {
      while (!enough.signal.aborted) {
        const response = await requestToken(server, credentials());
        const body = (await response.json()) as { access_token?: string; error?: string };
        const retry = response.headers.has('retry-after') ? ' later' : '';
        answers.add(`${response.status} ${body.error ?? 'token'}${retry}`);
        if (body.access_token !== undefined) jtis.push(decodeJwt(body.access_token).jti ?? '');
        else await sleep(20);
      }
    };
    const workers = Promise.all(Array.from({ length: 4 }, work));
    for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
      const postgres = postmasterPid(join(cwd, 'data')) ?? 0;
      process.kill(postgres, signal);
      await gone(postgres);
      for (const had = jtis.length; jtis.length < had + 5;) await Promise.race([sleep(20), workers]);
    }
    enough.abort();
    await workers;
    expect([...answers].toSorted()).toEqual(['200 token', '503 temporarily_unavailable later']);

    const url = embeddedDatabaseUrl(join(cwd, 'data'));
    const stored = await query<{ jti: string }>(url, 'SELECT jti FROM access_tokens WHERE jti = ANY ($1)', [jtis]);
    expect(stored).toHaveLength(jtis.length);
    const entries = await query(url, 'SELECT 1 FROM audit_log WHERE id = ANY ($1)', [jtis]);
    expect(entries).toHaveLength(jtis.length);
  });

  it('T-23, I-13: what a frozen PostgreSQL was asked for in vain is not done when it wakes', async () => {
    const token = await tokenOf(server, credentials());
    const processes = familyOf(postmasterPid(join(cwd, 'data')) ?? 0);
    const authorization = basic(credentials());
    const form = (path: string, body: Record<string, string>) => {
      const headers = { authorization, 'user-agent': 'asked in vain' };
      return server.fetch(path, { method: 'POST', headers, body: new URLSearchParams(body) });
    };
    for (const pid of processes) process.kill(pid, 'SIGSTOP');
    try {
      const answers = await Promise.all([
        form('/oauth/token', { grant_type: 'client_credentials' }),
        form('/oauth/revoke', { token }),
      ]);
      expect(answers.map(({ status }) => status)).toEqual([503, 503]);
    } finally {
      for (const pid of processes) process.kill(pid, 'SIGCONT');
    }
    while ((await requestToken(server, credentials())).status !== 200) await sleep(20);

    const url = embeddedDatabaseUrl(join(cwd, 'data'));
    const stored = await query(url, `SELECT 1 FROM access_tokens WHERE user_agent = 'asked in vain'`);
    expect(stored).toEqual([]);
    const answer = await form('/oauth/introspect', { token });
    expect(await answer.json()).toMatchObject({ active: true });
  });

  it('C-13, K-19: stops with 78 when the file of its key is gone, and starts again when it is back', async () => {
    const kek = join(cwd, 'data', 'key-encryption-key');
    await server.stop();
    renameSync(kek, `${kek}.away`);
    const failed = await start(env, cwd);
    expect(await failed.exited).toBe(78);
    expect(told(failed.output).filter((line) => line.startsWith('KEY_ENCRYPTION_KEY: '))).toHaveLength(1);
    renameSync(`${kek}.away`, kek);

    await restart();
    expect(await tokenOf(server, credentials())).toEqual(expect.any(String));
  });

  it('C-15: never makes its first client again once that was deleted', async () => {
    const first = credentials();
    const token = await tokenOf(server, first);
    const created = await asAdmin(server, token, 'POST', '/admin/oauth/clients', {
      client_name: 'Next',
      scope: 'admin:full',
    });
    const next = (await created.json()) as Credentials;
    const path = `/admin/oauth/clients/${first.client_id}`;
    expect((await asAdmin(server, await tokenOf(server, next), 'DELETE', path)).status).toBe(204);
    await server.stop();
    unlinkSync(file());

    await restart();
    expect(told(server.stdout)).toEqual([`Signet is ready at http://localhost:${env['PORT']}`]);
    expect(existsSync(file())).toBe(false);
    expect((await requestToken(server, first)).status).toBe(401);
    expect(await tokenOf(server, next)).toEqual(expect.any(String));
  });
});

describe('a wrong configuration', () => {
  const canary = 'c4naryV4lue';
  const external = { DATABASE_URL: `postgresql://signet:${canary}@127.0.0.1:1/signet` };
  const kek = { KEY_ENCRYPTION_KEY: randomBytes(32).toString('base64') };

  /** Starts with that environment; the variables that the faults name, one a line. */
  async function faults(env: Record<string, string>): Promise<string[]> {
    const cwd = emptyDirectory();
    const server = await start(env, cwd);
    expect(await server.exited).toBe(78);
    expect(server.stdout).toBe('');
    // Neither a data directory nor anything else.
    expect(readdirSync(cwd)).toEqual([]);
    for (const [variable, value] of Object.entries(env)) {
      // Of the options of Node the offending one is named.
      if (value.length > 4 && variable !== 'NODE_OPTIONS') expect(server.output).not.toContain(value);
    }
    expect(server.output).not.toContain(canary);
    const lines = server.stderr.split('\n').filter((line) => line !== '' && !isOfNode(line));
    for (const line of lines) expect(line).toMatch(/^[A-Z_]+: [a-z]/);
    return lines.map((line) => line.slice(0, line.indexOf(':')));
  }

  it('is refused with all of its faults at once (C-01, C-05, C-07, C-09, C-17, C-19)', async () => {
    const named = await faults({
      ...external,
      HOST: `${canary} !`,
      PORT: '70000',
      ISSUER: `http://${canary}.example.com/?x`,
      REDIS_URL: `ftp://:${canary}@localhost`,
      BOOTSTRAP_CLIENT_ID: `${canary}/`,
      BOOTSTRAP_CLIENT_SECRET: canary,
      ACCESS_TOKEN_TTL_SECONDS: '59',
      SIGNING_ALG: `HS256${canary}`,
      KEY_ROTATION_DAYS: '-1',
      EVENT_TARGET_NETWORKS: '169.254.0.0/16',
      EVENT_RETRY_BACKOFF_SECONDS: `1,${canary}`,
      WEB_CONCURRENCY: 'abc',
      TRUST_PROXY: '0.0.0.0/0',
      LOG_LEVEL: canary,
      STRICT: 'perhaps',
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
    });
    expect(named.toSorted()).toEqual([
      'ACCESS_TOKEN_TTL_SECONDS',
      'BOOTSTRAP_CLIENT_ID',
      'BOOTSTRAP_CLIENT_SECRET',
      'EVENT_RETRY_BACKOFF_SECONDS',
      'EVENT_TARGET_NETWORKS',
      'HOST',
      'ISSUER',
      'KEY_ENCRYPTION_KEY',
      'KEY_ROTATION_DAYS',
      'LOG_LEVEL',
      'NODE_TLS_REJECT_UNAUTHORIZED',
      'PORT',
      'REDIS_URL',
      'SIGNING_ALG',
      'STRICT',
      'TRUST_PROXY',
      'WEB_CONCURRENCY',
    ]);
  });

  it.each<[string, Record<string, string>, string]>([
    ['C-03 an empty key without a database', { KEY_ENCRYPTION_KEY: '  ' }, 'KEY_ENCRYPTION_KEY'],
    ['C-03 a quoted empty key', { ...external, KEY_ENCRYPTION_KEY: '""' }, 'KEY_ENCRYPTION_KEY'],
    ['C-05 plain http outside', { ...external, ...kek, ISSUER: 'http://auth.example.com' }, 'ISSUER'],
    ['C-07 every proxy', { TRUST_PROXY: 'true' }, 'TRUST_PROXY'],
    ['a file for a directory', { DATA_DIR: import.meta.filename }, 'DATA_DIR'],
    [
      'C-11 no TLS to a far database',
      { ...kek, STRICT: '1', DATABASE_URL: `postgresql://u:${canary}@db.example.com/x` },
      'DATABASE_URL',
    ],
    ['C-19 an inspector', { NODE_OPTIONS: '--inspect=127.0.0.1:0' }, 'NODE_OPTIONS'],
    [
      'D13 a weak secret',
      { BOOTSTRAP_CLIENT_ID: 'admin', BOOTSTRAP_CLIENT_SECRET: 'password'.repeat(5) },
      'BOOTSTRAP_CLIENT_SECRET',
    ],
  ])('is refused: %s', async (_, env, variable) => {
    expect(new Set(await faults(env))).toEqual(new Set([variable]));
  });

  it('C-13, K-19: a key that is not the one of the database changes nothing there', async () => {
    const { url, env, admin } = await surroundings();
    const first = await startReady(env);
    expect(await first.stop()).toBe(0);
    const keys = () =>
      query(url, `SELECT to_jsonb(k) AS row FROM data_keys k UNION ALL SELECT to_jsonb(k) FROM signing_keys k`);
    const before = await keys();

    const cwd = emptyDirectory();
    const wrong = await start({ ...env, KEY_ENCRYPTION_KEY: randomBytes(32).toString('base64') }, cwd);
    expect(await wrong.exited).toBe(78);
    expect(wrong.stderr).toMatch(/^KEY_ENCRYPTION_KEY: [^\n]+\n$/);
    expect(told(wrong.stdout)).toEqual([]);
    expect(await keys()).toEqual(before);
    expect(readdirSync(cwd)).toEqual([]);

    const right = await startReady(env);
    expect(await tokenOf(right, admin)).toEqual(expect.any(String));
    await right.stop();
  });

  it('says where it cannot listen, or which database it cannot use, and ends with 1', async () => {
    const { env, url } = await surroundings();
    const occupant = createServer().listen(0, '127.0.0.1');
    await once(occupant, 'listening');
    const address = occupant.address();
    const PORT = String(typeof address === 'object' ? address?.port : address);
    const ends = async (changes: Record<string, string>): Promise<[number | string, string]> => {
      const server = await start({ ...env, ...changes });
      return [await server.exited, server.stderr];
    };
    expect(await ends({ PORT })).toEqual([1, 'PORT: the address is already in use\n']);
    expect(await ends({ HOST: '192.0.2.1' })).toEqual([1, 'HOST: the server cannot listen at this address\n']);
    const absent = url.replace(/\/test_\w+/, '/no_such_database');
    expect(await ends({ DATABASE_URL: absent })).toEqual([1, 'DATABASE_URL: there is no such database\n']);
    occupant.close();
  });

  it('names the file that it cannot write, and ends with 1', async () => {
    const { env } = await surroundings();
    const { BOOTSTRAP_CLIENT_ID: _id, BOOTSTRAP_CLIENT_SECRET: _secret, ...rest } = env;
    const cwd = emptyDirectory();
    mkdirSync(join(cwd, 'data', 'bootstrap-client.json'), { recursive: true });
    const server = await start(rest, cwd);
    expect(await server.exited).toBe(1);
    expect(server.stderr).toMatch(/^EISDIR: .*bootstrap-client\.json'\n$/);
  });
});

/** What Node itself says of its options. */
function isOfNode(line: string): boolean {
  return /^\(|^Debugger listening|^For help, see|^Warning: /.test(line);
}

describe('a server with a database outside', () => {
  it('C-15: leaves the client of its environment deleted, and says so', async () => {
    const { env, admin } = await surroundings();
    let server = await startReady(env);
    expect(told(server.stdout)).toEqual([
      expect.stringMatching(/^Signet is ready at /),
      'The admin client operator was made from BOOTSTRAP_CLIENT_ID and BOOTSTRAP_CLIENT_SECRET.',
    ]);
    const token = await tokenOf(server, admin);
    const created = await asAdmin(server, token, 'POST', '/admin/oauth/clients', {
      client_name: 'Next',
      scope: 'admin:full',
    });
    const next = await tokenOf(server, (await created.json()) as Credentials);
    expect((await asAdmin(server, next, 'DELETE', `/admin/oauth/clients/${admin.client_id}`)).status).toBe(204);
    expect(await server.stop()).toBe(0);

    server = await startReady(env);
    expect(told(server.stdout)).toEqual([expect.stringMatching(/^Signet is ready at /)]);
    expect(server.stdout).toContain('BOOTSTRAP_CLIENT_ID names was deleted, and stays so');
    expect((await requestToken(server, admin)).status).toBe(401);
    await server.stop();
  });

  it('is ready ten times over when ten processes start at once on an empty database', async () => {
    const DATABASE_URL = await newDatabase(createTestDatabase);
    const env = {
      DATABASE_URL,
      KEY_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
      ISSUER: 'http://localhost:3000',
    };
    const starting = Array.from({ length: 10 }, async () => {
      const cwd = emptyDirectory();
      return { cwd, server: await startReady(env, cwd) };
    });
    const servers = await Promise.all(starting);

    // One of them has made the client, and one key is everybody's.
    const makers = servers.filter(({ cwd }) => existsSync(join(cwd, 'data', 'bootstrap-client.json')));
    expect(makers).toHaveLength(1);
    expect(servers.filter(({ server }) => server.stdout.includes('curl'))).toEqual(makers);
    const credentials = JSON.parse(
      readFileSync(join(makers[0]!.cwd, 'data', 'bootstrap-client.json'), 'utf8'),
    ) as Credentials;
    const keySets = await Promise.all(
      servers.map(async ({ server }) => (await server.fetch('/.well-known/jwks.json')).text()),
    );
    expect(new Set(keySets).size).toBe(1);
    expect((JSON.parse(keySets[0]!) as { keys: unknown[] }).keys).toHaveLength(1);
    const ready = await Promise.all(servers.map(({ server }) => server.fetch('/health/ready')));
    expect(ready.map(({ status }) => status)).toEqual(Array(10).fill(200));
    await Promise.all(servers.map(({ server }) => tokenOf(server, credentials)));
    expect(await Promise.all(servers.map(({ server }) => server.stop()))).toEqual(Array(10).fill(0));
    expect(servers.filter(({ server }) => /"level":"(error|fatal)"/.test(server.stdout))).toEqual([]);
  });

  it('is migrated by a command of its own, once', async () => {
    const { env } = await surroundings(createTestDatabase);
    const run = async () => {
      const command = build.start({ env, cwd: emptyDirectory(), program: 'migrate' });
      expect(await command.exited).toBe(0);
      return command.stdout;
    };
    expect(await run()).toMatch(/^(migrated: [A-Z]\w+\n)+$/);
    expect(await run()).toBe('nothing to migrate\n');
  });

  it('Z-19: answers what it has begun when SIGTERM comes, and takes nothing new', async () => {
    const { url, env, admin } = await surroundings();
    const server = await startReady(env);
    const holder = new Client({ connectionString: url });
    await holder.connect();
    // Tokens can be decided and signed now, but not stored.
    await holder.query('BEGIN; LOCK TABLE access_tokens IN SHARE MODE');
    const begun = Array.from({ length: 20 }, () => requestToken(server, admin));
    const waiting = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%WITH context AS%'`;
    while ((await query(url, waiting)).length === 0) await sleep(10);
    // The server reads in order: what was sent before these are answered has arrived.
    for (let probe = 0; probe < 3; probe += 1) await server.fetch('/health/live');
    server.kill('SIGTERM');
    const alive = () =>
      server.fetch('/health/live', { headers: { connection: 'close' } }).then((response) => response.arrayBuffer());
    for (let open = true; open;)
      open = await alive().then(
        () => sleep(10, true),
        () => false,
      );
    await holder.query('COMMIT');
    await holder.end();

    const answers = await Promise.all(begun);
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    const tokens = await Promise.all(answers.map((answer) => answer.json() as Promise<{ access_token: string }>));
    expect(await server.exited).toBe(0);
    const jtis = tokens.map(({ access_token }) => decodeJwt(access_token).jti);
    expect(await query(url, 'SELECT 1 FROM access_tokens WHERE jti = ANY ($1)', [jtis])).toHaveLength(20);
  });

  it('Z-19: waits for nobody who is connected and silent, or never ends what he says', async () => {
    const { env, admin } = await surroundings();
    const port = await freePort();
    const server = await startReady({ ...env, PORT: String(port) });
    // Kept alive after its answer.
    await tokenOf(server, admin);
    const beginnings = [
      '',
      'POST /oauth/token HTTP/1.1\r\nHost: a',
      'POST /oauth/token HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\ngra',
    ];
    const sockets = await Promise.all(
      beginnings.map(async (beginning) => {
        const socket = connectTo(port, '127.0.0.1').on('error', () => undefined);
        await once(socket, 'connect');
        socket.write(beginning);
        return socket;
      }),
    );
    await server.fetch('/health/live');
    expect(await server.stop()).toBe(0);
    for (const socket of sockets) socket.destroy();
  });

  it('Z-19: cuts nothing when SIGTERM comes under load: each stored token has reached its client', async () => {
    const { url, env, admin } = await surroundings();
    const server = await startReady(env);
    const given: string[] = [];
    const work = async (): Promise<void> => {
      for (;;) {
        // Refused at the door is fine; an answer that has begun must be whole.
        const response = await requestToken(server, admin).catch(() => undefined);
        if (response === undefined) return;
        expect(response.status).toBe(200);
        given.push(((await response.json()) as { access_token: string }).access_token);
      }
    };
    const workers = Array.from({ length: 16 }, work);
    while (given.length < 100) await sleep(5);
    server.kill('SIGTERM');
    await Promise.all(workers);
    expect(await server.exited).toBe(0);
    const stored = await query<{ count: number }>(url, 'SELECT count(*)::int AS count FROM access_tokens');
    expect(stored).toEqual([{ count: given.length }]);
  });

  it('M-11: tells nobody a secret or a token: not in its output at debug level, its answers or its tables', async () => {
    const { url, env, admin } = await surroundings();
    const databasePassword = randomBytes(16).toString('hex');
    const DATABASE_URL = env['DATABASE_URL']!.replace(/^(\w+:\/\/[^:/?@]+)@/, `$1:${databasePassword}@`);
    const server = await startReady({ ...env, DATABASE_URL, LOG_LEVEL: 'debug' });
    const adminToken = await tokenOf(server, admin);
    const secrets: string[] = [];
    const path = '/admin/oauth/clients';
    const members = { client_name: 'Canary', client_id: 'canary', scope: 'admin:oauth' };
    const created = await asAdmin(server, adminToken, 'POST', path, members);
    secrets.push(((await created.json()) as Credentials).client_secret);
    for (let turn = 0; turn < 2; turn += 1) {
      const renewed = await asAdmin(server, adminToken, 'POST', `${path}/canary/regenerate-secret`, {
        overlap_seconds: 3_600,
      });
      secrets.push(((await renewed.json()) as Credentials).client_secret);
    }
    const tokens = [adminToken];
    for (const client_secret of secrets) tokens.push(await tokenOf(server, { client_id: 'canary', client_secret }));

    // And in every place where one can end up by mistake.
    const [wrong, inQuery, inPath, inBody] = Array.from(
      { length: 4 },
      () => `signet_cs_${randomBytes(24).toString('hex')}`,
    );
    await requestToken(server, { client_id: 'canary', client_secret: wrong! });
    await server.fetch(`/oauth/token?client_id=canary&client_secret=${inQuery}`, { method: 'POST' });
    await server.fetch(`/admin/oauth/clients?access_token=${inQuery}`);
    await asAdmin(server, adminToken, 'GET', `${path}?client_secret=${inQuery}`);
    await server.fetch(`/unknown/${inPath}`);
    await asAdmin(server, `${tokens[1]}x`, 'GET', path);
    await asAdmin(server, adminToken, 'POST', path, { ...members, client_id: 'other', client_secret: inBody });
    await requestToken(server, admin, { body: `grant_type=client_credentials&client_secret=${inBody}` });

    const shown: string[] = [];
    const pages = [
      '/.well-known/jwks.json',
      '/.well-known/oauth-authorization-server',
      '/oauth/public-key',
      '/health/live',
    ];
    for (const page of [...pages, '/health/ready', path, `${path}/canary`, '/admin/oauth/scopes']) {
      const answer = await asAdmin(server, tokens[1]!, 'GET', page);
      expect([page, answer.status]).toEqual([page, 200]);
      shown.push(await answer.text());
    }
    expect(await server.stop()).toBe(0);

    const hashes = await query<{ hash: Buffer }>(url, 'SELECT hash FROM client_secrets');
    const spellings = (hash: Buffer) => [hash.toString('hex'), hash.toString('base64'), hash.toString('base64url')];
    const canaries = [
      ...[...secrets, admin.client_secret].flatMap((secret) => [secret, secret.slice(-12)]),
      ...tokens.flatMap((token) => [token, token.split('.')[2]!.slice(0, 40)]),
      ...secrets.map((client_secret) => basic({ client_id: 'canary', client_secret }).slice(6)),
      wrong!,
      inQuery!,
      inPath!,
      inBody!,
      databasePassword,
      env['KEY_ENCRYPTION_KEY']!,
    ];
    const found = (text: string, values: readonly string[]) => values.filter((value) => text.includes(value));
    expect(
      found(server.output + shown.join('\n'), [...canaries, ...hashes.flatMap(({ hash }) => spellings(hash))]),
    ).toEqual([]);
    expect(found(await dump(url), canaries)).toEqual([]);
    expectAllowedFields(server.stdout);
  });
});

/** Every row of every table of the database, as text. */
async function dump(url: string): Promise<string> {
  const tables = await query<{ name: string }>(
    url,
    `SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema')`,
  );
  expect(tables.map(({ name }) => name)).toEqual(expect.arrayContaining(['public.clients', 'public.client_secrets']));
  const texts = await Promise.all(
    tables.map(async ({ name }) =>
      (await query<{ row: string }>(url, `SELECT t::text AS row FROM ${name} t`)).map(({ row }) => row),
    ),
  );
  return texts.flat().join('\n');
}

/** Structured logs are JSON, one object a line, of fields that are on the list. */
function expectAllowedFields(stdout: string): void {
  const allowed = [
    'level',
    'time',
    'msg',
    'context',
    'request_id',
    'method',
    'route',
    'status',
    'duration_ms',
    'ip_address',
  ];
  const faults = ['error', 'fault'];
  const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
  const fields = new Set(lines.flatMap((line) => Object.keys(JSON.parse(line) as object)));
  expect([...fields].filter((field) => ![...allowed, ...faults].includes(field))).toEqual([]);
  expect([...fields]).toEqual(expect.arrayContaining(allowed));
  // The rest is what the operator is told at the start.
  expect(told(stdout)).toHaveLength(2);
}
