/** How the chain of the audit log begins on a database that has a log, and what happens where it cannot be written. */
import { mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { Client } from 'pg';
import { AuditIndexes } from '../../src/audit/audit-indexes.js';
import { ChainTender } from '../../src/audit/chain-tender.js';
import { startServer, type TestServer } from '../support/server.js';

const verifyPath = '/admin/oauth/audit-logs/verify';

let server: TestServer;
let superuser: Client;

beforeEach(async () => {
  server = await startServer();
  superuser = new Client({ connectionString: server.database.url });
  await superuser.connect();
  await superuser.query('SET session_replication_role = replica');
});

afterEach(async () => {
  await superuser.end();
  await server.stop();
});

async function verdict(): Promise<unknown> {
  return (await server.asAdmin('GET', verifyPath)).json();
}

function checkpointFile(): string {
  return join(server.env['DATA_DIR'] ?? '', 'audit-checkpoints.jsonl');
}

function checkpoints(): string[] {
  return readFileSync(checkpointFile(), 'utf8').trimEnd().split('\n');
}

describe('a chain', () => {
  it('begins where a log without one has come to, and knows how much there was', async () => {
    await superuser.query(`TRUNCATE audit_chain, token_batches`);
    await superuser.query(`UPDATE audit_chain_head SET seq = 0, entries = 0, mac = decode(repeat('00', 32), 'hex')`);
    await superuser.query(`UPDATE audit_log SET batch_id = NULL`);
    const next = await startServer({ beside: server });
    await next.createClient({ client_name: 'First of the chain' });
    const answer = await next.asAdmin('GET', verifyPath);
    expect(await answer.json()).toMatchObject({ intact: true, entries: expect.any(Number) });
    const { rows } = await superuser.query<{ payload: string }>('SELECT payload FROM audit_chain WHERE seq = 1');
    expect(JSON.parse(rows[0]?.payload ?? '')).toMatchObject({ kind: 'origin', entries_before: expect.any(Number) });
    await superuser.query(
      `DELETE FROM audit_log WHERE id = (SELECT id FROM audit_log WHERE action = 'key.created' LIMIT 1)`,
    );
    expect(await (await next.asAdmin('GET', verifyPath)).json()).toMatchObject({
      intact: false,
      broken_at: { seq: null, reason: expect.stringContaining('before the chain') },
    });
    await next.stop();
  });

  it('that cannot be written lets no change through, and no refusal go unrecorded', async () => {
    await superuser.query('CREATE TABLE head AS SELECT * FROM audit_chain_head');
    await superuser.query('DELETE FROM audit_chain_head');
    const token = await server.adminToken().catch(() => undefined);
    expect(token).toBeDefined();
    const refused = await server.asAdmin('POST', '/admin/oauth/clients', { client_name: 'X', client_id: 'unaudited' });
    expect(refused.status).toBe(500);
    expect((await server.requestToken({ client_id: 'admin', client_secret: 'wrong' })).status).toBe(500);
    const { rows } = await superuser.query(`SELECT 1 FROM clients WHERE client_id = 'unaudited'`);
    expect(rows).toEqual([]);
    await superuser.query('INSERT INTO audit_chain_head SELECT * FROM head');
    await superuser.query('DROP TABLE head');
    expect((await server.asAdmin('POST', '/admin/oauth/clients', { client_name: 'X' })).status).toBe(201);
    expect(await verdict()).toMatchObject({ intact: true });
  });

  it('is signed on, and not signed once it was cut', async () => {
    const tender = server.running.app.get(ChainTender, { strict: false });
    await server.createClient({ client_name: 'A' });
    await tender.tend(true);
    const before = checkpoints();
    await tender.tend(true);
    expect(checkpoints()).toEqual(before);
    await superuser.query('DELETE FROM audit_chain WHERE seq = (SELECT max(seq) FROM audit_chain)');
    await superuser.query(
      `UPDATE audit_chain_head SET (seq, mac) = (SELECT seq, mac FROM audit_chain ORDER BY seq DESC LIMIT 1)`,
    );
    await superuser.query(
      `DELETE FROM audit_log a WHERE batch_id IS NULL AND NOT EXISTS (SELECT FROM audit_chain WHERE entry_id = a.id)`,
    );
    await tender.tend(true);
    expect(checkpoints()).toEqual(before);
    expect(await verdict()).toMatchObject({
      intact: false,
      broken_at: { reason: expect.stringContaining('checkpoint') },
    });
  });
});

it('a checkpoint that cannot be written is in the log once, and in the file as soon as that can be', async () => {
  const tender = server.running.app.get(ChainTender, { strict: false });
  const lines: unknown[] = [];
  const log = jest.spyOn(Logger.prototype, 'log').mockImplementation((line) => void lines.push(line));
  try {
    const directory = join(server.env['DATA_DIR'] ?? '', 'missing');
    rmSync(checkpointFile(), { force: true });
    symlinkSync(join(directory, 'checkpoints'), checkpointFile());
    await server.createClient({ client_name: 'A' });
    // What is under way may have looked before.
    await tender.tend();
    await tender.tend(true);
    await tender.tend(true);
    mkdirSync(directory);
    await tender.tend();
    await tender.tend();
    const logged = lines.filter((line) => String(line).startsWith('checkpoint ')).map((line) => String(line));
    expect(new Set(logged).size).toBe(logged.length);
    expect(checkpoints()).toEqual([logged.at(-1)?.replace('checkpoint ', '')]);
  } finally {
    log.mockRestore();
  }
});

describe('the indexes of partitions from before them', () => {
  it('are built and attached, also where that was interrupted', async () => {
    const indexes = server.running.app.get(AuditIndexes, { strict: false });
    await superuser.query(`CREATE TABLE audit_log_p202001 (LIKE audit_log INCLUDING DEFAULTS)`);
    await superuser.query(`DROP INDEX audit_log_action`);
    await superuser.query(
      `ALTER TABLE audit_log ATTACH PARTITION audit_log_p202001 FOR VALUES FROM ('2020-01-01') TO ('2020-02-01')`,
    );
    await superuser.query(
      `CREATE INDEX audit_log_action ON ONLY audit_log (action, occurred_at, id) WHERE action <> 'token.issued'`,
    );
    await superuser.query(`CREATE INDEX audit_log_p202001_action ON audit_log_p202001 (action)`);
    await Promise.all([indexes.build(), indexes.build()]);
    await indexes.build();
    const { rows } = await superuser.query<{ valid: boolean; children: number }>(
      `SELECT i.indisvalid AS valid, (SELECT count(*)::int FROM pg_inherits WHERE inhparent = i.indexrelid) AS children
       FROM pg_index i WHERE i.indexrelid = 'audit_log_action'::regclass`,
    );
    const partitions = await superuser.query(`SELECT FROM pg_inherits WHERE inhparent = 'audit_log'::regclass`);
    expect(rows).toEqual([{ valid: true, children: partitions.rowCount }]);
  });
});
