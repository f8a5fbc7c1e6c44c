/** What a running server remembers of the audit log: an end that is cut off before a checkpoint has signed it (security.md U-05). */
import { Client } from 'pg';
import { ChainTender } from '../../src/audit/chain-tender.js';
import { startServer, type TestServer } from '../support/server.js';

interface Verdict {
  readonly intact: boolean;
  readonly broken_at?: { readonly seq: number | null; readonly reason: string };
}

let server: TestServer;
let other: TestServer;
let superuser: Client;

beforeAll(async () => {
  server = await startServer();
  other = await startServer({ beside: server });
  superuser = new Client({ connectionString: server.database.url });
  await superuser.connect();
  await superuser.query('SET session_replication_role = replica');
});

afterAll(async () => {
  await superuser?.end();
  await other?.stop();
  await server?.stop();
});

const write = () => server.createClient({ client_name: 'Writer' });

async function verdictOf(at: TestServer): Promise<Verdict> {
  return (await (await at.asAdmin('GET', '/admin/oauth/audit-logs/verify')).json()) as Verdict;
}

/** Takes the last links away, with their entries, so that nothing in the database tells of them; gives the last that is left. */
async function cut(links: number): Promise<number> {
  const { rows } = await superuser.query<{ seq: number }>('SELECT max(seq)::int - $1::int AS seq FROM audit_chain', [
    links,
  ]);
  const seq = rows[0]?.seq ?? 0;
  await superuser.query('DELETE FROM audit_log a USING audit_chain c WHERE c.seq > $1 AND c.entry_id = a.id', [seq]);
  await superuser.query(
    `UPDATE audit_chain_head SET seq = $1, mac = (SELECT mac FROM audit_chain WHERE seq = $1),
       entries = entries - (SELECT count(*) FROM audit_chain WHERE seq > $1)`,
    [seq],
  );
  await superuser.query('DELETE FROM audit_chain WHERE seq > $1', [seq]);
  return seq;
}

it('is missed by the server that wrote it, at once, and by the others a moment later; also when the log has grown again', async () => {
  for (let count = 0; count < 7; count += 1) await write();
  expect(await verdictOf(server)).toMatchObject({ intact: true });
  // The other server looks once a second; what it is doing now may have looked before.
  const tender = other.running.app.get(ChainTender, { strict: false });
  await tender.tend();
  await tender.tend();
  await write();
  const seq = await cut(4);
  const missing = { intact: false, broken_at: { seq: seq + 1, reason: expect.stringContaining('ends here') } };
  expect(await verdictOf(server)).toMatchObject(missing);
  // Its token for this has gone on from there.
  expect(await verdictOf(other)).toMatchObject({ intact: false });

  for (let count = 0; count < 7; count += 1) await write();
  for (const each of [server, other]) {
    await each.running.app.get(ChainTender, { strict: false }).tend();
    const replaced = { reason: expect.stringContaining('this process, has seen') };
    expect(await verdictOf(each)).toMatchObject({ intact: false, broken_at: replaced });
  }
});
