/**
 * A database that is there and takes nothing, or loses its connections in the middle: what cannot be stored is a 503, and is not
 * said to be done (http-api.md fault table, security.md I-13, Z-15).
 */
import { Client } from 'pg';
import { DataSource } from 'typeorm';
import { DatabaseUnavailable, inTransaction } from '../../src/database/index.js';
import { expectOAuthError } from '../support/refusal.js';
import { answerOf, introspect, refresh, type RefreshAnswer, renewing } from '../support/refresh-tokens.js';
import { basic, type Credentials, startServer, type TestServer } from '../support/server.js';

let server: TestServer;
let sql: Client;
let client: Credentials;
let begun: RefreshAnswer;

beforeAll(async () => {
  server = await startServer();
  sql = new Client({ connectionString: server.database.url });
  await sql.connect();
  await sql.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$`);
  client = await server.createClient({ client_name: 'C', scope: 'read:profile', ...renewing });
});

afterAll(async () => {
  await sql?.end();
  await server?.stop();
});

beforeEach(async () => {
  begun = await answerOf(await server.requestToken(client));
});

/** Runs `work` while `table` refuses every write. */
async function whileRefusing<T>(table: string, work: () => Promise<T>): Promise<T> {
  await sql.query(`CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION refuse()`);
  try {
    return await work();
  } finally {
    await sql.query(`DROP TRIGGER refuse ON ${table}`);
  }
}

async function expectUnavailable(response: Response): Promise<void> {
  await expectOAuthError(response, 503, 'temporarily_unavailable');
  expect(response.headers.get('retry-after')).toMatch(/^[1-5]$/);
}

const revoke = (token: string) => {
  const headers = { authorization: basic(client) };
  return server.fetch('/oauth/revoke', { method: 'POST', headers, body: new URLSearchParams({ token }) });
};

it.each(['access_tokens', 'audit_log'])('I-13: no token leaves that %s does not take', async (table) => {
  await whileRefusing(table, async () => {
    await expectUnavailable(await server.requestToken(client));
    await expectUnavailable(await refresh(server, client, begun.refresh_token));
  });
  expect((await refresh(server, client, begun.refresh_token)).status).toBe(200);
});

it.each(['access_tokens', 'audit_log'])(
  'I-13: no revocation is said to be done that %s does not take',
  async (table) => {
    await whileRefusing(table, async () => expectUnavailable(await revoke(begun.access_token)));
    expect(await introspect(server, begun.access_token)).toMatchObject({ active: true });
    expect((await revoke(begun.access_token)).status).toBe(200);
    expect(await introspect(server, begun.access_token)).toEqual({ active: false });
  },
);

it('I-13: nor that of a refresh token', async () => {
  await whileRefusing('refresh_families', async () => expectUnavailable(await revoke(begun.refresh_token)));
  expect((await refresh(server, client, begun.refresh_token)).status).toBe(200);
});

it('no refusal leaves that the audit log does not take', async () => {
  await whileRefusing('audit_log', async () =>
    expectUnavailable(await server.requestToken({ ...client, client_secret: 'wrong' })),
  );
});

it.each(['audit_log', 'audit_chain'])('M-27: nothing is changed that %s does not take', async (table) => {
  await whileRefusing(table, async () => {
    const created = await server.asAdmin('POST', '/admin/oauth/clients', {
      client_name: 'Half',
      client_id: 'half-done',
    });
    expect(created.status).toBe(503);
    expect(created.headers.get('retry-after')).toMatch(/^[1-5]$/);
    expect((await server.fetch('/admin/oauth/clients')).status).toBe(503);
  });
  expect((await server.asAdmin('GET', '/admin/oauth/clients/half-done')).status).toBe(404);
});

it('I-13, T-23: what answers too late for its request is not done later', async () => {
  const dataSource = server.running.app.get(DataSource, { strict: false });
  const lock = await sql.query('BEGIN; LOCK TABLE scopes IN ACCESS EXCLUSIVE MODE; SELECT 1').catch(() => undefined);
  expect(lock).toBeDefined();
  let done: unknown;
  const work = inTransaction(
    dataSource,
    async (tx) => {
      done = tx.query(`UPDATE scopes SET description = 'late' WHERE name = 'read:profile'`);
      await done;
    },
    { withinMs: 200 },
  );
  await expect(work).rejects.toBeInstanceOf(DatabaseUnavailable);
  await sql.query('COMMIT');
  await done;
  // Were it committed, this would see it: it waits for the lock of the row.
  await sql.query(`SELECT FROM scopes WHERE name = 'read:profile' FOR UPDATE`);
  const { rows } = await sql.query(`SELECT FROM scopes WHERE description = 'late'`);
  expect(rows).toEqual([]);
});

it('Z-15: a connection that is lost between two statements of a transaction is an absence of the database', async () => {
  const dataSource = server.running.app.get(DataSource, { strict: false });
  const work = inTransaction(dataSource, async (tx) => {
    const [own] = await tx.query<{ pid: number }[]>('SELECT pg_backend_pid() AS pid');
    await sql.query('SELECT pg_terminate_backend($1)', [own?.pid]);
    // Until the loss has been noticed.
    while (tx.queryRunner?.isReleased === false) await new Promise((resolve) => setTimeout(resolve, 10));
    await tx.query('SELECT 1');
  });
  await expect(work).rejects.toBeInstanceOf(DatabaseUnavailable);
});
