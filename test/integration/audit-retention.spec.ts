/**
 * Retention of the audit log (security.md D12): what goes, goes behind a tombstone in the chain, and is accounted for; whatever
 * else is gone is found.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Type } from '@nestjs/common';
import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { Audit, AuditChain, auditKeys, AuditPruning, TokenBatches } from '../../src/audit/index.js';
import { DerivedKeys } from '../../src/encryption/index.js';
import { OldEntries } from '../support/old-audit-entries.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { startServer, type TestServer } from '../support/server.js';
import { asDatabaseUrl, ServerBuild } from '../support/server-process.js';

interface Verdict {
  readonly intact: boolean;
  readonly entries: number;
  readonly pruned?: number;
  readonly broken_at?: { readonly seq: number | null; readonly reason: string };
}

let build: ServerBuild;
let directory: string;
let server: TestServer;
/** With a tombstone, and what it stands for still there. */
let between: Verdict;
let answered: Verdict;
let exported: string;
/** How many entries are of the time that goes. */
let old: number;
let border: Date;
/** A database like that of the server, to be altered. */
let copy: TestDatabase;
let superuser: Client;

const month = (offset: number) => {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + offset, 1));
};
const daysSince = (at: Date) => Math.floor((Date.now() - at.getTime()) / 86_400_000);
const nameOf = (database: TestDatabase) => new URL(asDatabaseUrl(database.url)).pathname.slice(1);
const later = (at: Date, seconds: number) => new Date(at.getTime() + seconds * 1_000);

/** What the scheduled job does, with as many days as end in the month that stays. */
async function prune(say: (line: string) => void = () => undefined): Promise<void> {
  const get = <T>(type: Type<T>): T => server.running.app.get(type, { strict: false });
  await new AuditPruning({
    dataSource: get(DataSource),
    audit: get(Audit),
    chain: get(AuditChain),
    batches: get(TokenBatches),
    keys: auditKeys(get(DerivedKeys)),
    dataDir: server.env['DATA_DIR'] ?? '',
    now: () => Date.now(),
    say,
  }).prune(daysSince(border));
}

/** Two months that go, one that stays, and what is written now between them; a batch across each border. */
async function history(): Promise<void> {
  const entries = new OldEntries(server);
  await entries.write(later(month(-6), 86_400), 20);
  await entries.write(later(month(-5), 86_400), 15);
  await entries.issue([later(month(-6), 50), later(month(-6), 51)]);
  await server.createClient({ client_name: 'Between', scope: 'read:profile' });
  // One across a border that does not stay, and two across the one that does, by either half of which they may be named.
  await entries.issue([later(month(-5), -1), later(month(-5), 1)]);
  await entries.issue([later(border, -2), later(border, -1), later(border, 1)]);
  await entries.issue([later(border, 1), later(border, -1)]);
  await entries.issue([later(border, 5)]);
  await entries.write(later(border, 10), 10);
  await entries.write(later(border, -10), 5);
  old = 20 + 15 + 2 + 2 + 2 + 1 + 5;
}

beforeAll(async () => {
  build = new ServerBuild();
  directory = await mkdtemp(join(tmpdir(), 'signet-audit-'));
  border = month(-3);
  server = await startServer();
  await history();
  // It says so when it has signed the tombstone.
  const crash = prune(() => {
    throw new Error('crashed');
  });
  await expect(crash).rejects.toThrow('crashed');
  between = (await (await server.asAdmin('GET', '/admin/oauth/audit-logs/verify')).json()) as Verdict;
  await prune();
  await prune();
  answered = (await (await server.asAdmin('GET', '/admin/oauth/audit-logs/verify')).json()) as Verdict;
  exported = await (await server.asAdmin('GET', '/admin/oauth/audit-logs/export?chain=true')).text();
  await server.running.close();
}, 240_000);

afterAll(async () => {
  await server?.running.close().catch(() => undefined);
  await server?.database.drop();
  await build?.close();
  await rm(directory, { recursive: true, force: true });
  await rm(server.env['DATA_DIR'] ?? '', { recursive: true, force: true });
});

beforeEach(async () => {
  copy = await createTestDatabase(nameOf(server.database));
  superuser = new Client({ connectionString: copy.url });
  await superuser.connect();
  await superuser.query('SET session_replication_role = replica');
});

afterEach(async () => {
  await superuser?.end();
  await copy?.drop();
});

const checkpoints = () => join(server.env['DATA_DIR'] ?? '', 'audit-checkpoints.jsonl');

async function verify(...args: string[]): Promise<Verdict> {
  const { KEY_ENCRYPTION_KEY = '', ISSUER = '' } = server.env;
  const env = { DATABASE_URL: asDatabaseUrl(copy.url), KEY_ENCRYPTION_KEY, ISSUER, DATA_DIR: directory };
  const options = ['--json', '--checkpoint', checkpoints(), ...args];
  const command = build.start({ program: 'audit-verify', cwd: directory, env, args: options });
  const code = await command.exited;
  const verdict = JSON.parse(command.stdout || '{}') as Verdict;
  expect(code).toBe(verdict.intact ? 0 : 2);
  return verdict;
}

async function one<Row>(text: string, values: unknown[] = []): Promise<Row> {
  return (await superuser.query(text, values)).rows[0] as Row;
}

describe('after retention has removed two months', () => {
  it('they are gone, and what is younger is there', async () => {
    const { count, least } = await one<{ count: number; least: Date }>(
      'SELECT count(*)::int AS count, min(occurred_at) AS least FROM audit_log',
    );
    expect(least.getTime()).toBeGreaterThanOrEqual(border.getTime());
    expect(count).toBeGreaterThanOrEqual(10 + 1 + 1 + 1 + 2);
    const { partitions } = await one<{ partitions: number }>(
      `SELECT count(*)::int AS partitions FROM pg_inherits WHERE inhparent = 'audit_log'::regclass
         AND inhrelid::regclass::text < $1`,
      [`audit_log_p${border.toISOString().slice(0, 7).replace('-', '')}`],
    );
    expect(partitions).toBe(0);
  });

  it('the log verifies: over HTTP, by the command, and without the database from an export', async () => {
    expect(answered).toMatchObject({ intact: true, pruned: old });
    const { count } = await one<{ count: number }>('SELECT count(*)::int AS count FROM audit_log');
    expect(await verify()).toMatchObject({ intact: true, pruned: old, entries: count });
    const file = join(directory, 'export.ndjson');
    await writeFile(file, exported);
    expect(await verify('--export', file)).toMatchObject({ intact: true, pruned: old });
    const lines = exported.trimEnd().split('\n');
    // Without what says that they may be gone.
    await writeFile(file, lines.filter((line) => !line.includes('"kind":"pruned"')).join('\n'));
    expect((await verify('--export', file)).intact).toBe(false);
  });

  it('a crash between the tombstone and the end of it is made up for', async () => {
    expect(between).toEqual({ intact: true, entries: expect.any(Number) });
    expect(between.entries).toBeGreaterThan(old);
    const { count } = await one<{ count: number }>(
      `SELECT count(*)::int AS count FROM audit_chain WHERE kind = 'pruned'`,
    );
    expect(count).toBe(1);
  });

  it('the owner of the log removes the next by a command', async () => {
    const { KEY_ENCRYPTION_KEY = '', ISSUER = '' } = server.env;
    const env = { DATABASE_URL: asDatabaseUrl(copy.url), KEY_ENCRYPTION_KEY, ISSUER, DATA_DIR: directory };
    const days = String(daysSince(month(-2)));
    const run = (more: Record<string, string>) =>
      build.start({ program: 'audit-prune', cwd: directory, env: { ...env, ...more } });
    const unset = run({});
    expect([await unset.exited, unset.stdout]).toEqual([0, expect.stringContaining('nothing to prune')]);
    const command = run({ AUDIT_RETENTION_DAYS: days });
    expect([await command.exited, command.stdout]).toEqual([0, expect.stringMatching(/^pruned: audit_log_p\d{6}\n$/)]);
    const own = ['--checkpoint', join(directory, 'audit-checkpoints.jsonl')];
    expect(await verify(...own)).toMatchObject({ intact: true, pruned: old + 10 + 1 + 1 + 1 });
    await superuser.query(`DELETE FROM audit_log WHERE action = 'client.created'`);
    expect(await verify(...own)).toMatchObject({ intact: false });
  });

  it('what went is an entry of the log, and in a checkpoint', async () => {
    const { details } = await one<{ details: unknown }>(`SELECT details FROM audit_log WHERE action = 'audit.pruned'`);
    expect(details).toEqual({ from: null, to: border.toISOString().replace('Z', '000Z'), entries: old });
    const { seq } = await one<{ seq: number }>(`SELECT seq::int FROM audit_chain WHERE kind = 'pruned'`);
    await superuser.query('DELETE FROM audit_chain WHERE seq >= $1', [seq]);
    expect((await verify()).intact).toBe(false);
  });
});

describe('U-05: found after pruning:', () => {
  const youngest = `SELECT entry_id FROM audit_chain WHERE kind = 'entry' ORDER BY seq DESC LIMIT 1`;

  it.each([
    ['an edit', `UPDATE audit_log SET actor_client_id = 'b' WHERE id = (${youngest})`],
    ['an entry that is deleted', `DELETE FROM audit_log WHERE id = (${youngest})`],
    ['an emptied log', 'TRUNCATE audit_log'],
    [
      'an entry that is deleted and said to be old',
      `WITH x AS (DELETE FROM audit_log WHERE id = (${youngest}) RETURNING id)
       UPDATE audit_chain SET entry_at = (SELECT min(entry_at) FROM audit_chain) WHERE entry_id = (SELECT id FROM x)`,
    ],
    [
      'an entry from before the tombstone that is deleted and said to be old',
      `WITH x AS (DELETE FROM audit_log WHERE action = 'client.created' RETURNING id)
       UPDATE audit_chain SET entry_at = (SELECT min(entry_at) FROM audit_chain) WHERE entry_id IN (SELECT id FROM x)`,
    ],
    ['a pruned link that is altered', `UPDATE audit_chain SET mac = decode(repeat('ab', 32), 'hex') WHERE seq = 60`],
    [
      'a pruned link that is deleted',
      `DELETE FROM audit_chain WHERE entry_at = (SELECT min(entry_at) FROM audit_chain)`,
    ],
    [
      'what is left of a batch',
      `DELETE FROM audit_log WHERE batch_id IN (SELECT batch_id FROM audit_log
       WHERE occurred_at < now() - interval '50 days')`,
    ],
    [
      'half of what is left of it',
      `DELETE FROM audit_log WHERE ctid = (SELECT ctid FROM audit_log
       WHERE batch_id IS NOT NULL AND occurred_at < now() - interval '50 days' LIMIT 1)`,
    ],
    [
      'a tombstone that says more',
      `UPDATE audit_chain SET payload = replace(payload, '"to":"20', '"to":"21')
       WHERE kind = 'pruned'`,
    ],
    ['a tombstone that is gone', `DELETE FROM audit_chain WHERE kind = 'pruned'`],
  ])('%s', async (_, statement) => {
    const result = await superuser.query(statement);
    expect(result.rowCount).not.toBe(0);
    expect(await verify()).toMatchObject({ intact: false });
  });

  it('a made-up entry of the time that is gone', async () => {
    await superuser.query(
      `CREATE TABLE audit_log_forged PARTITION OF audit_log FOR VALUES FROM ('2020-01-01') TO ('${border.toISOString()}')`,
    );
    await superuser.query(
      `INSERT INTO audit_log (id, occurred_at, action, success, batch_id)
       SELECT gen_random_uuid(), $1, 'token.issued', true, (payload::jsonb #>> '{batches,0,id}')::uuid FROM audit_chain
       WHERE kind = 'tokens' LIMIT 1`,
      [later(border, -100)],
    );
    expect(await verify()).toMatchObject({ intact: false });
  });
});
