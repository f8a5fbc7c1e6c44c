/**
 * The proof of the audit log: what parallel writers on two servers write verifies, and whatever a superuser of the database does
 * to it is found by `npm run audit:verify` (security.md U-05).
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { chainRoot, linkMac } from '../../src/audit/chain-link.js';
import { canonicalLink } from '../../src/audit/chain-link.js';
import { entryColumns, entryOf, type StoredEntry } from '../../src/audit/stored-entry.js';
import { Audit, auditKeys } from '../../src/audit/index.js';
import { inTransaction } from '../../src/database/index.js';
import { DerivedKeys } from '../../src/encryption/index.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { startServer, type TestServer } from '../support/server.js';
import { asDatabaseUrl, ServerBuild } from '../support/server-process.js';

const refusals = 9_000;
const changes = 1_000;
const tokens = 60;
/** Changes at the same time on each server. */
const writers = 8;

interface Verdict {
  readonly intact: boolean;
  readonly entries: number;
  readonly broken_at?: { readonly seq: number | null; readonly id: string | null; readonly reason: string };
}

let build: ServerBuild;
let directory: string;
let server: TestServer;
let key: Buffer;
let answered: Verdict;
let exported: string;
/** A database like that of the server, to be altered. */
let copy: TestDatabase;
let superuser: Client;

beforeAll(async () => {
  build = new ServerBuild();
  directory = await mkdtemp(join(tmpdir(), 'signet-audit-'));
  server = await startServer();
  const other = await startServer({ beside: server });
  await Promise.all([write(server, 1), write(other, 2)]);
  answered = (await (await other.asAdmin('GET', '/admin/oauth/audit-logs/verify')).json()) as Verdict;
  exported = await (await server.asAdmin('GET', '/admin/oauth/audit-logs/export?chain=true')).text();
  key = auditKeys(server.running.app.get(DerivedKeys, { strict: false })).chain;
  await other.stop();
  await server.running.close();
}, 240_000);

afterAll(async () => {
  await server?.database.drop();
  await build?.close();
  await rm(directory, { recursive: true, force: true });
  await rm(server.env['DATA_DIR'] ?? '', { recursive: true, force: true });
});

beforeEach(async () => {
  copy = await createTestDatabase(new URL(asDatabaseUrl(server.database.url)).pathname.slice(1));
  superuser = new Client({ connectionString: copy.url });
  await superuser.connect();
  // As somebody would who does not care for triggers.
  await superuser.query('SET session_replication_role = replica');
});

afterEach(async () => {
  await superuser.end();
  await copy.drop();
});

/** Half of the entries, written side by side. */
async function write(at: TestServer, half: number): Promise<void> {
  const audit = at.running.app.get(Audit, { strict: false });
  const dataSource = at.running.app.get(DataSource, { strict: false });
  const credentials = await at.createClient({ client_name: `Writer ${half}`, client_id: `writer-${half}` });
  await Promise.all([
    ...Array.from({ length: refusals / 2 }, (_, index) =>
      audit.recordRefusal({
        action: 'token.denied',
        error: 'invalid_client',
        actorClientId: `client-${index % 7}`,
        origin: { ipAddress: `10.${half}.${index % 50}.1`, userAgent: 'ü "quoted"\\ \t', requestId: String(index) },
        details: { b: [1, { d: null, c: 'x' }], a: index / 3 },
      }),
    ),
    ...Array.from({ length: writers }, async (_, writer) => {
      for (let index = writer; index < changes / 2; index += writers) {
        await inTransaction(dataSource, (tx) =>
          audit.record(tx, { action: 'client.updated', targetType: 'client', targetId: `client-${index}` }),
        );
      }
    }),
    ...Array.from({ length: tokens / 2 }, () => at.tokenOf(credentials)),
  ]);
}

function checkpointFile(): string {
  return join(server.env['DATA_DIR'] ?? '', 'audit-checkpoints.jsonl');
}

async function verify(...args: string[]): Promise<{ code: number | string; verdict: Verdict; stderr: string }> {
  const { KEY_ENCRYPTION_KEY = '', ISSUER = '' } = server.env;
  const env = { DATABASE_URL: asDatabaseUrl(copy.url), KEY_ENCRYPTION_KEY, ISSUER, DATA_DIR: directory };
  const command = build.start({ program: 'audit-verify', cwd: directory, env, args: ['--json', ...args] });
  const code = await command.exited;
  return { code, verdict: JSON.parse(command.stdout || '{}') as Verdict, stderr: command.stderr };
}

/** What the command finds with the checkpoints that the server has kept. */
async function finding(): Promise<Verdict> {
  const { code, verdict } = await verify('--checkpoint', checkpointFile());
  expect(code).toBe(verdict.intact ? 0 : 2);
  return verdict;
}

async function one<Row>(text: string, values: unknown[] = []): Promise<Row> {
  return (await superuser.query(text, values)).rows[0] as Row;
}

/** A link in the middle that stands for an entry. */
function middle(offset = 0): Promise<{ seq: number; id: string }> {
  return one(
    `SELECT seq::int, entry_id AS id FROM audit_chain WHERE kind = 'entry' AND seq > 4000 ORDER BY seq OFFSET $1`,
    [offset],
  );
}

/** Links everything anew after the entry was changed, with a MAC of the forger's. */
async function rewrite(mac: (prev: string, canonical: string) => string): Promise<void> {
  const { rows } = await superuser.query<StoredEntry & { seq: string; payload: string | null }>(
    `SELECT c.seq, c.payload, ${entryColumns('a')} FROM audit_chain c LEFT JOIN audit_log a ON a.id = c.entry_id ORDER BY seq`,
  );
  let prev = chainRoot;
  const links = rows.map((row) => {
    const canonical = row.payload ?? canonicalLink(Number(row.seq), { kind: 'entry', entry: entryOf(row) });
    const link = { seq: row.seq, prev, mac: mac(prev, canonical) };
    prev = link.mac;
    return link;
  });
  await superuser.query('ALTER TABLE audit_chain DROP CONSTRAINT audit_chain_prev_key');
  await superuser.query(
    `UPDATE audit_chain c SET prev = decode(l.prev, 'hex'), mac = decode(l.mac, 'hex')
     FROM unnest($1::bigint[], $2::text[], $3::text[]) AS l (seq, prev, mac) WHERE c.seq = l.seq`,
    [links.map(({ seq }) => seq), links.map((link) => link.prev), links.map((link) => link.mac)],
  );
  await superuser.query(`UPDATE audit_chain_head SET mac = decode($1, 'hex')`, [prev]);
}

describe('U-05: ten thousand entries of two servers', () => {
  it('verify: over HTTP, by the command, and without the database from an export', async () => {
    const { count } = await one<{ count: number }>('SELECT count(*)::int AS count FROM audit_log');
    expect(count).toBeGreaterThan(refusals + changes + tokens);
    expect(answered.intact).toBe(true);
    expect(answered.entries).toBeGreaterThan(refusals + changes + tokens);
    expect(await finding()).toMatchObject({ intact: true, entries: count });
    const { last, links, forks } = await one<Record<string, number>>(
      `SELECT max(seq)::int AS last, count(*)::int AS links, (count(*) - count(DISTINCT prev))::int AS forks FROM audit_chain`,
    );
    expect({ links, forks }).toEqual({ links: last, forks: 0 });

    const file = join(directory, 'export.ndjson');
    await writeFile(file, exported);
    expect((await verify('--export', file)).code).toBe(0);
    const lines = exported.trimEnd().split('\n');
    await writeFile(file, lines.with(4_000, (lines[4_000] as string).replace('client', 'klient')).join('\n'));
    expect(await verify('--export', file)).toMatchObject({
      code: 2,
      verdict: { broken_at: { seq: expect.any(Number) } },
    });
    await writeFile(file, lines.slice(0, 5_000).join('\n'));
    expect((await verify('--export', file)).code).toBe(0);
    expect(await verify('--export', file, '--checkpoint', checkpointFile())).toMatchObject({ code: 2 });
  });

  it('are signed into a file of its own, that nobody else reads', async () => {
    expect(statSync(checkpointFile()).mode & 0o777).toBe(0o600);
    const lines = readFileSync(checkpointFile(), 'utf8').trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(1);
    const forged = lines.map((line) => line.replace(/"entries":\d/, '"entries":9'));
    const file = join(directory, 'forged.jsonl');
    await writeFile(file, forged.join('\n'));
    expect(await verify('--checkpoint', file)).toMatchObject({ code: 2, verdict: { intact: false } });
  });

  it('are verified by what is left of a torn file; by one that holds no checkpoint they are not said to be', async () => {
    const file = join(directory, 'torn.jsonl');
    const lines = readFileSync(checkpointFile(), 'utf8').trimEnd().split('\n');
    await writeFile(file, [...lines, '{"v":1,"seq":9', ''].join('\n'));
    const passedOver = `${file}: line ${lines.length + 1} is not JSON, and was passed over\n`;
    expect(await verify('--checkpoint', file)).toMatchObject({
      code: 0,
      verdict: { intact: true },
      stderr: passedOver,
    });
    await writeFile(file, '');
    const nothing = { code: 64, verdict: {}, stderr: `${file}: holds no checkpoint\n` };
    expect(await verify('--checkpoint', checkpointFile(), '--checkpoint', file)).toEqual(nothing);
    const chain = join(directory, 'whole.ndjson');
    await writeFile(chain, exported);
    expect(await verify('--export', chain, '--checkpoint', file)).toEqual(nothing);
  });
});

describe('U-05: found, with the first entry that is not what it was:', () => {
  it.each([
    ['one member', `UPDATE audit_log SET actor_client_id = 'somebody' WHERE id = $1`],
    ['success', `UPDATE audit_log SET success = NOT success WHERE id = $1`],
    ['the details', `UPDATE audit_log SET details = '{"a":0}' WHERE id = $1`],
    ['the time, by a microsecond', `UPDATE audit_log SET occurred_at = occurred_at + '1us' WHERE id = $1`],
    ['an entry that is deleted', 'DELETE FROM audit_log WHERE id = $1'],
  ])('an edit of %s', async (_, statement) => {
    const { seq, id } = await middle();
    await superuser.query(statement, [id]);
    expect(await finding()).toMatchObject({ intact: false, broken_at: { seq, id } });
  });

  it('an entry that is deleted with its link', async () => {
    const { seq, id } = await middle();
    await superuser.query('DELETE FROM audit_log WHERE id = $1', [id]);
    await superuser.query('DELETE FROM audit_chain WHERE seq = $1', [seq]);
    expect(await finding()).toMatchObject({ intact: false, broken_at: { seq } });
  });

  it('two entries that change places', async () => {
    const [first, second] = [await middle(), await middle(5)];
    await superuser.query('ALTER TABLE audit_chain DROP CONSTRAINT audit_chain_entry_id_key');
    await superuser.query(
      `UPDATE audit_chain c SET entry_id = o.entry_id, entry_at = o.entry_at FROM audit_chain o
       WHERE (c.seq, o.seq) IN (($1, $2), ($2, $1))`,
      [first.seq, second.seq],
    );
    expect(await finding()).toMatchObject({ intact: false, broken_at: { seq: first.seq, id: second.id } });
  });

  it('an issued token that is changed, deleted or made up', async () => {
    const { id } = await one<{ id: string }>(`SELECT id FROM audit_log WHERE action = 'token.issued' LIMIT 1`);
    const { seq } = await one<{ seq: number }>(
      `SELECT seq::int FROM audit_chain WHERE payload LIKE '%' || (SELECT batch_id FROM audit_log WHERE id = $1) || '%'`,
      [id],
    );
    for (const statement of [
      `UPDATE audit_log SET user_agent = 'another' WHERE id = '${id}'`,
      `UPDATE audit_log SET batch_id = NULL WHERE id = '${id}'`,
      `INSERT INTO audit_log (id, occurred_at, action, success, batch_id)
         SELECT gen_random_uuid(), occurred_at, action, true, batch_id FROM audit_log WHERE id = '${id}'`,
      `DELETE FROM audit_log WHERE id = '${id}'`,
    ]) {
      await superuser.query(statement);
      expect(await finding()).toMatchObject({
        intact: false,
        broken_at: { seq, reason: expect.stringContaining('batch') },
      });
    }
  });

  it('an entry that is made up', async () => {
    const { id } = await one<{ id: string }>(
      `INSERT INTO audit_log (id, occurred_at, action, success) VALUES (gen_random_uuid(), now(), 'client.deleted', true) RETURNING id`,
    );
    expect(await finding()).toMatchObject({ intact: false, broken_at: { seq: null, id } });
  });

  it('an end that is cut off, with its links: by the checkpoint', async () => {
    const { seq } = await one<{ seq: number }>(`SELECT max(seq)::int - 100 AS seq FROM audit_chain`);
    await superuser.query(
      `DELETE FROM audit_log a USING audit_chain c WHERE c.seq > $1 AND (c.entry_id = a.id
         OR c.payload LIKE '%' || a.batch_id || '%')`,
      [seq],
    );
    await superuser.query('DELETE FROM audit_chain WHERE seq > $1', [seq]);
    await superuser.query(`UPDATE audit_chain_head SET seq = $1, mac = (SELECT mac FROM audit_chain WHERE seq = $1)`, [
      seq,
    ]);
    expect(await finding()).toMatchObject({ intact: false, broken_at: { seq: seq + 1 } });
    const without = await verify();
    expect(without).toMatchObject({ code: 0, stderr: expect.stringContaining('without --checkpoint') });
  });

  it('a log that is emptied: by the checkpoint', async () => {
    await superuser.query('TRUNCATE audit_log, audit_chain');
    await superuser.query(`UPDATE audit_chain_head SET seq = 0, entries = 0, mac = decode('${chainRoot}', 'hex')`);
    expect(await finding()).toMatchObject({ intact: false, broken_at: { seq: 1 } });
  });

  it('a chain that is made anew without the key', async () => {
    await superuser.query(`UPDATE audit_log SET actor_client_id = 'somebody' WHERE id = $1`, [(await middle()).id]);
    await rewrite((prev, canonical) => createHash('sha256').update(prev, 'hex').update(canonical).digest('hex'));
    expect(await finding()).toMatchObject({ intact: false, broken_at: { seq: 1 } });
  });

  it('a chain that is made anew with the very key: by the checkpoint', async () => {
    const { seq, id } = await middle();
    await superuser.query(`UPDATE audit_log SET actor_client_id = 'somebody' WHERE id = $1`, [id]);
    await rewrite((prev, canonical) => linkMac(key, prev, canonical));
    expect((await verify()).verdict.intact).toBe(true);
    const { intact, broken_at: broken } = await finding();
    expect(intact).toBe(false);
    expect(broken?.seq).toBeGreaterThanOrEqual(seq);
    expect(broken?.reason).toContain('checkpoint');
  });
});
