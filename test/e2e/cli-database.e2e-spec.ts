import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { type CommandOutcome, runSignet } from '../support/command-line.js';
import { createMigratedDatabase } from '../support/migrated-database.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { redisIt, startRedis } from '../support/redis.js';
import { type Credentials, freePort } from '../support/server.js';
import { asDatabaseUrl, embeddedDatabaseUrl, ServerBuild } from '../support/server-process.js';

interface Diagnosis {
  readonly ok: boolean;
  readonly checks: readonly { check: string; status: string; message: string; advice?: string }[];
}

let build: ServerBuild;
let directory: string;
const databases: TestDatabase[] = [];

beforeAll(() => {
  build = new ServerBuild();
});

afterAll(async () => {
  await build.close();
  await Promise.all(databases.map((database) => database.drop()));
});

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'signet-cli-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function signet(args: readonly string[], env: Record<string, string> = {}): Promise<CommandOutcome> {
  return runSignet(build, args, { env, cwd: directory });
}

/** What `signet doctor` says, by check; its exit code must agree. */
async function doctor(env: Record<string, string> = {}): Promise<Record<string, string>> {
  const { code, stdout } = await signet(['doctor', '--json'], env);
  const diagnosis = JSON.parse(stdout) as Diagnosis;
  expect(code).toBe(diagnosis.ok ? 0 : 1);
  expect(diagnosis.ok).toBe(!diagnosis.checks.some(({ status }) => status === 'fail'));
  for (const { status, advice } of diagnosis.checks) if (status === 'warn') expect(advice).toMatch(/^[A-Z].*\.$/);
  return Object.fromEntries(diagnosis.checks.map(({ check, status, message }) => [check, `${status}: ${message}`]));
}

async function newDatabase(
  create = createMigratedDatabase,
): Promise<Record<string, string> & { DATABASE_URL: string }> {
  const database = await create();
  databases.push(database);
  return { DATABASE_URL: asDatabaseUrl(database.url), KEY_ENCRYPTION_KEY: randomBytes(32).toString('base64') };
}

async function startOnce(env: Record<string, string>): Promise<void> {
  const port = String(await freePort());
  const server = await build.start({ cwd: directory, env: { PORT: port, ...env } }).ready();
  await server.stop();
}

async function query<Row extends object>(url: string, statement: string): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(statement)).rows;
  } finally {
    await client.end();
  }
}

describe('signet with the embedded database', () => {
  it('works beside a running server and without one, and lets an administrator in again', async () => {
    expect(await doctor()).toMatchObject({ database: 'info: there is none yet' });
    expect(existsSync(join(directory, 'data'))).toBe(false);
    expect(await signet(['migrate'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^migrated: /) as string,
    });

    const port = String(await freePort());
    const server = await build.start({ cwd: directory, env: { PORT: port } }).ready();
    const healthy = await doctor({ PORT: port });
    expect(Object.values(healthy).filter((text) => !/^(ok|info): /.test(text))).toEqual([]);
    expect(healthy).toMatchObject({
      configuration: 'ok: complete and well-formed',
      database: expect.stringMatching(/^ok: PostgreSQL \d+/) as string,
      clock: expect.stringMatching(/^ok: /) as string,
      'key-encryption key': expect.stringMatching(/^ok: /) as string,
      'signing keys': expect.stringMatching(/^ok: .* \(RS256\) signs since /) as string,
      partitions: expect.stringMatching(/^ok: /) as string,
      'audit rights': expect.stringMatching(/^info: /) as string,
      deliveries: 'ok: none is late',
    });
    const road = embeddedDatabaseUrl(join(directory, 'data'));
    await query(
      road,
      `INSERT INTO subscriptions (id, name, url, event_types) VALUES (gen_random_uuid(), 'x', 'https://x.example', '{x}')`,
    );
    await query(
      road,
      `INSERT INTO subscription_health (subscription_id, breaker) SELECT id, 'open' FROM subscriptions`,
    );
    expect((await doctor({ PORT: port }))['deliveries']).toBe('info: 1 endpoints fail and are given a rest');
    await query(road, `DELETE FROM subscriptions`);

    const made = await signet(['bootstrap', '--new-admin', '--client-id', 'rescue']);
    const file = join(directory, 'data', 'client-rescue.json');
    expect(made.code).toBe(0);
    expect(made.stdout).toContain('data/client-rescue.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const rescue = JSON.parse(readFileSync(file, 'utf8')) as Credentials;
    expect(made.stdout + made.stderr).not.toContain(rescue.client_secret);
    const listed = await signet(['--credentials', file, 'clients', 'list', '--json'], { PORT: port });
    expect(JSON.parse(listed.stdout)).toMatchObject({ items: [{ client_id: 'rescue', scope: 'admin:full' }, {}] });
    expect(
      await query(
        embeddedDatabaseUrl(join(directory, 'data')),
        `SELECT action, success, details FROM audit_log WHERE target_id = 'rescue' AND actor_client_id IS NULL ORDER BY action`,
      ),
    ).toEqual([
      { action: 'bootstrap.completed', success: true, details: { origin: 'new_admin' } },
      { action: 'client.created', success: true, details: { scope: ['admin:full'] } },
    ]);

    const taken = await signet(['bootstrap', '--new-admin', '--client-id', 'rescue', '--secret-file', 'again.json']);
    expect([taken.code, taken.stdout]).toEqual([1, '']);
    expect(taken.stderr).toContain('taken');
    expect(existsSync(join(directory, 'again.json'))).toBe(false);
    const own = { PORT: port };
    const chain = ['--credentials', file, 'audit', 'export', '--chain', '--output', 'chain.ndjson'];
    expect(await signet(chain, own)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await server.stop()).toBe(0);

    const checkpoint = ['audit', 'verify', '--checkpoint', 'data/audit-checkpoints.jsonl'];
    expect(await signet(checkpoint)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^intact: /) as string });
    const exported = await signet(['audit', 'verify', '--export', 'chain.ndjson', '--json']);
    expect([exported.code, JSON.parse(exported.stdout)]).toEqual([0, expect.objectContaining({ intact: true })]);
    expect(await signet(['kek', 'rotate'])).toMatchObject({ code: 0 });

    expect(await doctor()).toMatchObject({ 'key-encryption key': expect.stringMatching(/^ok: /) as string });
    expect(await signet(['bootstrap', '--new-admin', '--secret-file', 'second.json'])).toMatchObject({ code: 0 });
    chmodSync(join(directory, 'data', 'key-encryption-key'), 0o644);
    expect(await doctor()).toMatchObject({
      'data directory': 'fail: key-encryption-key can be read by others',
      'key-encryption key': expect.stringMatching(/^fail: /) as string,
    });
  });

  it('names a file that cannot be read, and does not blame the database', async () => {
    mkdirSync(join(directory, 'folder'));
    const says = async (...args: string[]): Promise<[number | string, string]> => {
      const { code, stdout, stderr } = await signet(args, { SIGNET_URL: 'http://localhost:9' });
      expect(stdout).toBe('');
      return [code, stderr];
    };
    const missing = 'nope.jsonl: cannot be read (ENOENT)\n';
    expect(await says('audit', 'verify', '--checkpoint', 'nope.jsonl')).toEqual([64, missing]);
    expect(await says('audit', 'verify', '--export', 'nope.jsonl', '--checkpoint', 'folder')).toEqual([
      64,
      `folder: cannot be read (EISDIR)\n${missing}`,
    ]);
    for (const args of [
      ['apply', '-f', 'nope.jsonl'],
      ['plan', '-f', 'nope.jsonl'],
      ['import', '--from', 'hydra', 'nope.jsonl'],
      ['clients', 'create', '--file', 'nope.jsonl'],
      ['events', 'subscriptions', 'create', '--file', 'nope.jsonl'],
    ]) {
      expect(await says(...args)).toEqual([2, `signet: ${missing}`]);
    }
    expect(existsSync(join(directory, 'data'))).toBe(false);
  });

  it('refuses to overwrite credentials, and makes no client then', async () => {
    await startOnce({});
    writeFileSync(join(directory, 'kept.json'), 'kept');
    const outcome = await signet(['bootstrap', '--new-admin', '--client-id', 'rescue', '--secret-file', 'kept.json']);
    expect(outcome.code).toBe(1);
    expect(readFileSync(join(directory, 'kept.json'), 'utf8')).toBe('kept');
    expect((await signet(['bootstrap', '--new-admin', '--client-id', 'rescue'])).code).toBe(0);
  });
});

describe('signet doctor', () => {
  it('names every fault of the configuration, without values', async () => {
    const env = { PORT: 'canary-port', KEY_ENCRYPTION_KEY: 'canary-key', REDIS_URL: 'canary-url' };
    const { code, stdout, stderr } = await signet(['doctor'], env);
    expect(code).toBe(1);
    for (const name of Object.keys(env)) expect(stdout).toContain(`fail  configuration  ${name}: `);
    expect(stdout).toContain('3 failed');
    expect(stdout + stderr).not.toContain('canary');
  });

  it('says that the database cannot be reached, and not its URL', async () => {
    const env = {
      DATABASE_URL: 'postgresql://signet:canary-password@127.0.0.1:1/signet',
      KEY_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    };
    const { code, stdout, stderr } = await signet(['doctor'], env);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^fail {2}database +DATABASE_URL: the database cannot be reached$/m);
    expect(stdout + stderr).not.toContain('canary');
  });

  it('tells an empty database from one that is behind, and one that is ahead', async () => {
    const env = await newDatabase(createTestDatabase);
    expect(await doctor(env)).toMatchObject({ migrations: 'info: the database is empty' });
    const early = await signet(['bootstrap', '--new-admin'], env);
    expect([early.code, early.stderr]).toEqual([1, expect.stringContaining('run signet migrate')]);
    expect((await signet(['migrate'], env)).code).toBe(0);
    expect(await doctor(env)).toMatchObject({
      migrations: expect.stringMatching(/^ok: /) as string,
      'signing keys': 'info: none yet',
      partitions: expect.stringMatching(/^fail: missing: access_tokens_p/) as string,
    });
    await query(env.DATABASE_URL, `INSERT INTO migrations (timestamp, name) VALUES (9, 'OfTomorrow9')`);
    expect(await doctor(env)).toMatchObject({ migrations: expect.stringMatching(/^fail: .*newer version/) as string });
    await query(env.DATABASE_URL, `DELETE FROM migrations WHERE id >= (SELECT max(id) - 1 FROM migrations)`);
    expect(await doctor(env)).toMatchObject({ migrations: 'warn: 1 are pending' });
  });

  it('finds the wrong key-encryption key, and a key that was altered', async () => {
    const env = await newDatabase();
    await startOnce(env);
    const wrong = { ...env, KEY_ENCRYPTION_KEY: randomBytes(32).toString('base64') };
    expect(await doctor(wrong)).toMatchObject({ 'key-encryption key': expect.stringMatching(/^fail: /) as string });
    const exchange = { ...wrong, KEY_ENCRYPTION_KEY_PREVIOUS: env['KEY_ENCRYPTION_KEY'] ?? '' };
    expect(await doctor(exchange)).toMatchObject({ 'key-encryption key': 'warn: the old key is still needed' });
    await query(
      env.DATABASE_URL,
      `UPDATE signing_keys SET private_ciphertext = set_byte(private_ciphertext, 20, 0)
      || '\\x00'::bytea`,
    );
    expect(await doctor(env)).toMatchObject({
      'key-encryption key': 'fail: a stored key does not open: it was altered',
    });
    await query(env.DATABASE_URL, `UPDATE signing_keys SET status = 'retiring'`);
    expect(await doctor(env)).toMatchObject({
      'signing keys': expect.stringMatching(/^fail: none is active/) as string,
    });
  });

  it('looks at the rights of a role that does not own the audit log', async () => {
    const env = await newDatabase();
    await startOnce(env);
    const role = `doctor_${process.pid}`;
    const asOwner = (statement: string) => query(env.DATABASE_URL, `SET ROLE NONE; ${statement}`);
    await asOwner(`CREATE ROLE ${role}`);
    try {
      await asOwner(
        `GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}; GRANT INSERT, DELETE ON audit_log TO ${role}`,
      );
      await asOwner(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET role = ${role}', current_database()); END $$`);
      expect(await doctor(env)).toMatchObject({ 'audit rights': 'warn: the role of the server may also DELETE' });
      await asOwner(`REVOKE DELETE ON audit_log FROM ${role}`);
      expect(await doctor(env)).toMatchObject({ 'audit rights': expect.stringMatching(/^ok: /) as string });
    } finally {
      await asOwner(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    }
  });

  redisIt()('looks at the policy of Redis', async () => {
    const redis = await startRedis();
    try {
      const env = { ...(await newDatabase()), REDIS_URL: redis.url };
      expect(await doctor(env)).toMatchObject({ redis: expect.stringMatching(/^ok: Redis \d/) as string });
      const { Redis } = await import('ioredis');
      const client = new Redis(redis.url);
      await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
      client.disconnect();
      expect(await doctor(env)).toMatchObject({ redis: expect.stringMatching(/^fail: maxmemory-policy/) as string });
      await redis.stop();
      expect(await doctor(env)).toMatchObject({ redis: expect.stringMatching(/^fail: cannot be reached/) as string });
    } finally {
      await redis.stop();
    }
  });
});
