import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { createMigratedDatabase } from '../support/migrated-database.js';
import type { TestDatabase } from '../support/postgres.js';
import { basic, type Credentials, freePort } from '../support/server.js';
import { asDatabaseUrl, embeddedDatabaseUrl, ServerBuild, type ServerProcess } from '../support/server-process.js';

const admin: Credentials = { client_id: 'admin', client_secret: randomBytes(32).toString('hex') };
const newKey = () => randomBytes(32).toString('base64');

let build: ServerBuild;
let directory: string;

beforeAll(() => {
  build = new ServerBuild();
});

afterAll(() => build.close());

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'signet-kek-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

async function startServer(env: Record<string, string>): Promise<ServerProcess> {
  const port = String(await freePort());
  const more = {
    PORT: port,
    ISSUER: 'http://127.0.0.1:3000',
    BOOTSTRAP_CLIENT_ID: admin.client_id,
    BOOTSTRAP_CLIENT_SECRET: admin.client_secret,
  };
  return build.start({ cwd: directory, env: { ...more, ...env } }).ready();
}

async function rotateKek(
  env: Record<string, string>,
): Promise<{ code: number | string; stdout: string; stderr: string }> {
  const command = build.start({ cwd: directory, env, program: 'kek-rotate' });
  const code = await command.exited;
  return { code, stdout: command.stdout, stderr: command.stderr };
}

async function token(server: ServerProcess): Promise<string> {
  const body = new URLSearchParams({ grant_type: 'client_credentials' });
  const response = await server.fetch('/oauth/token', {
    method: 'POST',
    headers: { authorization: basic(admin) },
    body,
  });
  expect(response.status).toBe(200);
  return ((await response.json()) as { access_token: string }).access_token;
}

/** `POST /admin/oauth/keys/rotate`, at once: the server makes a key and opens it. */
async function rotateKeys(server: ServerProcess): Promise<number> {
  const headers = { authorization: `Bearer ${await token(server)}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ immediate: true });
  return (await server.fetch('/admin/oauth/keys/rotate', { method: 'POST', headers, body })).status;
}

/** What is stored of the keys, and what the audit log says of the exchange. */
async function stored(url: string): Promise<{ wraps: string[]; keks: string[]; entries: object[] }> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ kek_id: string; wrap: string }>(
      `SELECT kek_id, encode(wrapped, 'hex') AS wrap FROM data_keys
       UNION ALL SELECT kek_id, encode(wrapped_dek, 'hex') FROM signing_keys WHERE kek_id IS NOT NULL ORDER BY 2`,
    );
    const entries = await client.query<{ details: object }>(
      `SELECT details FROM audit_log WHERE action = 'kek.rotated' ORDER BY id`,
    );
    return {
      wraps: rows.map(({ wrap }) => wrap),
      keks: [...new Set(rows.map((row) => row.kek_id))],
      entries: entries.rows.map(({ details }) => details),
    };
  } finally {
    await client.end();
  }
}

describe('npm run kek:rotate with KEY_ENCRYPTION_KEY', () => {
  const [oldKey, key] = [newKey(), newKey()];
  let database: TestDatabase;
  let url: string;

  beforeEach(async () => {
    database = await createMigratedDatabase();
    url = asDatabaseUrl(database.url);
  });

  afterEach(() => database.drop());

  it('exchanges the key beside running servers, which need only the new one afterwards', async () => {
    const first = await startServer({ DATABASE_URL: url, KEY_ENCRYPTION_KEY: oldKey });
    // The servers are given both keys one after the other, as long as it takes.
    const next = await startServer({ DATABASE_URL: url, KEY_ENCRYPTION_KEY: key, KEY_ENCRYPTION_KEY_PREVIOUS: oldKey });
    expect(await rotateKeys(next)).toBe(200);
    await token(first);
    await first.stop();
    const before = await stored(database.url);
    expect(before.keks).toHaveLength(1);

    const env = { DATABASE_URL: url, KEY_ENCRYPTION_KEY: key, KEY_ENCRYPTION_KEY_PREVIOUS: oldKey };
    const { code, stdout } = await rotateKek(env);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^3 keys encrypted anew; .* KEY_ENCRYPTION_KEY_PREVIOUS is no longer needed\n$/);
    const after = await stored(database.url);
    expect(after.keks).not.toEqual(before.keks);
    expect(after.wraps.filter((wrap) => before.wraps.includes(wrap))).toEqual([]);
    expect(after.entries).toEqual([{ keys: 3, previous_kek_id: before.keks[0] }]);

    await token(next);
    const last = await startServer({ DATABASE_URL: url, KEY_ENCRYPTION_KEY: key });
    await token(last);
    expect((await rotateKek({ DATABASE_URL: url, KEY_ENCRYPTION_KEY: key })).code).toBe(0);
    expect(await stored(database.url)).toEqual(after);
    await Promise.all([next.stop(), last.stop()]);

    const old = await rotateKek({ DATABASE_URL: url, KEY_ENCRYPTION_KEY: oldKey });
    expect(old.code).toBe(78);
  });

  it('K-19: changes nothing with a wrong old key, or none, and names the variable', async () => {
    const server = await startServer({ DATABASE_URL: url, KEY_ENCRYPTION_KEY: oldKey });
    const before = await stored(database.url);
    const previousKeys: Record<string, string>[] = [{ KEY_ENCRYPTION_KEY_PREVIOUS: newKey() }, {}];
    for (const previous of previousKeys) {
      const { code, stdout, stderr } = await rotateKek({ DATABASE_URL: url, KEY_ENCRYPTION_KEY: key, ...previous });
      expect([code, stdout]).toEqual([78, '']);
      expect(stderr).toMatch(/^KEY_ENCRYPTION_KEY_PREVIOUS: .*nothing was changed\n$/);
      for (const value of [key, ...Object.values(previous)]) expect(stderr).not.toContain(value);
    }
    expect(await stored(database.url)).toEqual(before);
    await token(server);
    await server.stop();
  });

  it('does nothing on a new database', async () => {
    const { code, stdout } = await rotateKek({ DATABASE_URL: url, KEY_ENCRYPTION_KEY: key });
    expect([code, stdout]).toEqual([0, 'nothing to encrypt anew: the database holds no keys\n']);
  });

  it('killed at any moment, it has done all or nothing, and can be run again', async () => {
    await (await startServer({ DATABASE_URL: url, KEY_ENCRYPTION_KEY: oldKey })).stop();
    const env = { DATABASE_URL: url, KEY_ENCRYPTION_KEY: key, KEY_ENCRYPTION_KEY_PREVIOUS: oldKey };
    for (const delay of [300, 500, 700, 900]) {
      const command = build.start({ cwd: directory, env, program: 'kek-rotate' });
      setTimeout(() => command.kill('SIGKILL'), delay);
      await command.exited;
      expect((await stored(database.url)).keks).toHaveLength(1);
    }
    expect((await rotateKek(env)).code).toBe(0);
    expect((await stored(database.url)).entries).toHaveLength(1);
    const server = await startServer({ DATABASE_URL: url, KEY_ENCRYPTION_KEY: key });
    await token(server);
    await server.stop();
  });
});

describe('npm run kek:rotate with the key of the data directory', () => {
  const file = () => join(directory, 'data', 'key-encryption-key');
  const content = () => readFileSync(file(), 'utf8');

  it('replaces the file, beside a running server or without one, and finishes what was interrupted', async () => {
    const server = await startServer({});
    const dataDir = join(directory, 'data');
    const first = content();
    const before = await stored(embeddedDatabaseUrl(dataDir));

    expect(await rotateKek({})).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('2 keys encrypted anew') as string,
    });
    const second = content();
    expect(second).not.toBe(first);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(existsSync(`${file()}.next`)).toBe(false);
    const after = await stored(embeddedDatabaseUrl(dataDir));
    expect([before.keks.length, after.keks.length]).toEqual([1, 1]);
    expect(after.keks).not.toEqual(before.keks);
    // The server finds the new key where it needs it.
    expect(await rotateKeys(server)).toBe(200);
    await token(server);
    await server.stop();

    // As after a crash between the commit and the replacement of the file.
    writeFileSync(`${file()}.next`, second, { mode: 0o600 });
    writeFileSync(file(), first);
    const again = await startServer({});
    await token(again);
    await again.stop();
    expect(await rotateKek({})).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing') as string });
    expect(content()).toBe(second);

    writeFileSync(file(), `${newKey()}\n`);
    const wrong = await rotateKek({});
    expect([wrong.code, wrong.stdout]).toEqual([78, '']);
    expect(wrong.stderr).toMatch(/^KEY_ENCRYPTION_KEY: /m);
    expect(existsSync(`${file()}.next`)).toBe(false);
  });
});
