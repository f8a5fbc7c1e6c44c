/** The separation of roles that docs/audit.md gives: the server writes the log, and cannot change it. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Type } from '@nestjs/common';
import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { Audit, AuditChain, auditKeys, AuditPruning, TokenBatches } from '../../src/audit/index.js';
import { DerivedKeys } from '../../src/encryption/index.js';
import { databaseUrl } from '../support/postgres.js';
import { startServer, type TestServer } from '../support/server.js';

const suffix = randomBytes(4).toString('hex');
const role = `signet_server_${suffix}`;
const auditRole = `signet_audit_${suffix}`;

let first: TestServer;
let server: TestServer;
let superuser: Client;
let asServer: Client;

/** Everything of the first start belongs to the role of the server, as if it had started as that. */
const giveAway = `
  DO $$ DECLARE one regclass; BEGIN
    FOR one IN SELECT oid::regclass FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace LOOP
      EXECUTE format('ALTER TABLE %s OWNER TO ${role}', one);
    END LOOP;
    EXECUTE format('GRANT CREATE ON DATABASE %I TO ${role}', current_database());
    GRANT CREATE ON SCHEMA public TO ${role};
  END $$;
  DROP SCHEMA IF EXISTS bullmq CASCADE`;

beforeAll(async () => {
  first = await startServer();
  await first.running.close();
  superuser = new Client({ connectionString: first.database.url });
  await superuser.connect();
  await superuser.query(`CREATE ROLE ${role}`);
  await superuser.query(giveAway);
  const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'audit.md'), 'utf8');
  const sql = text.split('```sql\n')[1]?.split('```')[0] ?? '';
  await superuser.query(sql.replaceAll('signet_server', role).replaceAll('signet_audit', auditRole));
  // Whoever connects from now on is the role of the server.
  await superuser.query(
    `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET role = ${role}', current_database()); END $$`,
  );
  asServer = new Client({ connectionString: first.database.url });
  await asServer.connect();
  server = await startServer({ beside: first });
});

afterAll(async () => {
  await server?.stop();
  await asServer?.end();
  for (const one of [role, auditRole]) await superuser?.query(`DROP OWNED BY ${one} CASCADE`);
  await superuser?.end();
  await first?.database.drop();
  const other = new Client({ connectionString: databaseUrl('postgres') });
  await other.connect();
  for (const one of [role, auditRole]) await other.query(`DROP ROLE IF EXISTS ${one}`);
  await other.end();
});

describe('the role of the server, with the log of another', () => {
  it('writes, reads and verifies the log', async () => {
    const credentials = await server.createClient({ client_name: 'A', scope: 'read:profile' });
    await server.tokenOf(credentials);
    await server.requestToken({ ...credentials, client_secret: 'wrong' });
    const answer = await server.asAdmin('GET', '/admin/oauth/audit-logs/verify');
    expect(await answer.json()).toEqual({ intact: true, entries: expect.any(Number) });
  });

  it.each([
    'UPDATE audit_log SET success = true',
    'DELETE FROM audit_log',
    'TRUNCATE audit_log',
    'ALTER TABLE audit_log DISABLE TRIGGER ALL',
    'DROP TABLE audit_log',
    'DELETE FROM audit_chain',
    'ALTER TABLE audit_chain DISABLE TRIGGER ALL',
    'DELETE FROM audit_chain_head',
    'SET session_replication_role = replica',
  ])('may not %s', async (statement) => {
    await expect(asServer.query(statement)).rejects.toMatchObject({ code: '42501' });
  });

  it('may not prune it: that is left to the owner', async () => {
    await superuser.query(
      `CREATE TABLE audit_log_p200001 PARTITION OF audit_log FOR VALUES FROM ('2000-01-01Z') TO ('2000-02-01Z')`,
    );
    await superuser.query(`ALTER TABLE audit_log_p200001 OWNER TO ${auditRole}`);
    const get = <T>(type: Type<T>): T => server.running.app.get(type, { strict: false });
    const said: string[] = [];
    const pruning = new AuditPruning({
      dataSource: get(DataSource),
      audit: get(Audit),
      chain: get(AuditChain),
      batches: get(TokenBatches),
      keys: auditKeys(get(DerivedKeys)),
      dataDir: server.env['DATA_DIR'] ?? '',
      now: () => Date.now(),
      say: (line) => said.push(line),
    });
    expect(await pruning.prune(30)).toEqual({ dropped: [], foreign: ['audit_log_p200001'] });
    expect(said).toEqual([]);
  });

  it('may not touch a partition either', async () => {
    const { rows } = await superuser.query<{ name: string }>(
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'audit_log'::regclass`,
    );
    expect(rows.length).toBeGreaterThan(1);
    for (const { name } of rows) {
      await expect(asServer.query(`DELETE FROM ${name}`)).rejects.toMatchObject({ code: '42501' });
    }
  });
});
