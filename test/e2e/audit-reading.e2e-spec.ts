/** U-13: reading the audit log is an entry of the audit log. */
import { Client } from 'pg';
import { Clock } from '../../src/clock/index.js';
import { type AuditRow, expectProblem, expectTooLittleScope, Ledger } from '../support/refusal.js';
import { startServer, type TestServer } from '../support/server.js';

interface Page {
  readonly items: { readonly id: string; readonly action: string }[];
  readonly next_cursor: string | null;
}

const path = '/admin/oauth/audit-logs';

let server: TestServer;
let ledger: Ledger;
let second: string;
let clock: jest.SpyInstance<number, []>;
let ahead = 0;

beforeAll(async () => {
  server = await startServer();
  ledger = await Ledger.open(server);
  clock = jest.spyOn(server.running.app.get(Clock, { strict: false }), 'now');
  clock.mockImplementation(() => Date.now() + ahead);
  const other = await server.createClient({ client_name: 'Auditor', client_id: 'auditor', scope: 'admin:oauth' });
  second = await server.tokenOf(other, { resource: server.issuer });
  await server.adminToken();
});

afterAll(async () => {
  clock?.mockRestore();
  await ledger?.close();
  await server?.stop();
});

/** A page of the log, and what the log got by it. */
async function read(
  query: Record<string, string> = {},
  headers: Record<string, string> = {},
): Promise<{ readonly page: Page; readonly requestId: string | null; readonly entries: AuditRow[] }> {
  const authorization = `Bearer ${await server.adminToken()}`;
  const { result, entries } = await ledger.entriesOf(() =>
    server.fetch(`${path}?${new URLSearchParams(query).toString()}`, { headers: { authorization, ...headers } }),
  );
  expect(result.status).toBe(200);
  return { page: (await result.json()) as Page, requestId: result.headers.get('x-request-id'), entries };
}

describe('U-13: who reads the audit log', () => {
  it('is in it: who, from where, with which filters, and in no answer of its own', async () => {
    const query = { client_id: 'auditor', success: 'true', from: '2026-01-01T00:00:00Z', limit: '2' };
    const { page, requestId, entries } = await read(query, { 'user-agent': `reader/${'x'.repeat(300)}` });
    expect(entries).toEqual([
      expect.objectContaining({
        action: 'audit.read',
        success: true,
        actor_client_id: 'admin',
        target_type: 'audit_log',
        target_id: null,
        ip_address: '127.0.0.1',
        user_agent: `reader/${'x'.repeat(249)}`,
        request_id: requestId,
        details: { client_id: 'auditor', success: true, from: '2026-01-01T00:00:00.000Z' },
        error: null,
      }),
    ]);
    expect(page.items.map(({ action }) => action).toSorted()).toEqual(['client.created', 'token.issued']);

    const unfiltered = await read();
    expect(unfiltered.entries).toMatchObject([{ action: 'audit.read', details: {} }]);
    expect(unfiltered.page.items.map(({ id }) => id)).not.toContain(unfiltered.entries[0]?.id);
    expect((await read()).page.items[0]).toMatchObject({ id: unfiltered.entries[0]?.id, action: 'audit.read' });
  });

  it('is linked into the chain', async () => {
    const { entries } = await read({ action: 'client.created' });
    const links = await ledger.rows('SELECT 1 FROM audit_chain WHERE entry_id = $1', [entries[0]?.id]);
    expect(links).toHaveLength(1);
    expect(await (await server.asAdmin('GET', `${path}/verify`)).json()).toMatchObject({ intact: true });
  });

  it('is told once: its further pages and its polls add nothing, also at the same time', async () => {
    const query = { success: 'true' };
    const { page, entries } = await read({ ...query, limit: '1' });
    expect(entries).toHaveLength(1);
    const cursor = page.next_cursor ?? '';
    expect(cursor).not.toBe('');
    const further: Record<string, string>[] = [{ limit: '1', cursor }, { limit: '7' }, {}];
    for (const more of further) {
      expect((await read({ ...query, ...more })).entries).toEqual([]);
    }
    const { entries: together } = await ledger.entriesOf(() =>
      Promise.all(Array.from({ length: 5 }, () => server.asAdmin('GET', `${path}?action=scope.created`))),
    );
    expect(together).toMatchObject([{ action: 'audit.read', details: { action: 'scope.created' } }]);
  });

  it('is told again for another client, other filters, and ten minutes later', async () => {
    const query = { action: 'token.issued' };
    expect((await read(query)).entries).toHaveLength(1);
    const other = await read(query, { authorization: `Bearer ${second}` });
    expect(other.entries).toMatchObject([{ action: 'audit.read', actor_client_id: 'auditor', details: query }]);
    expect((await read({ ...query, success: 'true' })).entries).toHaveLength(1);
    expect((await read(query)).entries).toEqual([]);
    ahead = 599_000;
    expect((await read(query)).entries).toEqual([]);
    ahead = 601_000;
    expect((await read(query)).entries).toMatchObject([{ action: 'audit.read', details: query }]);
    expect((await read(query)).entries).toEqual([]);
    ahead = 0;
  });

  it('is told again by another process', async () => {
    const query = { action: 'key.created' };
    expect((await read(query)).entries).toHaveLength(1);
    const beside = await startServer({ beside: server });
    try {
      const { entries } = await ledger.entriesOf(() => beside.asAdmin('GET', `${path}?action=key.created`));
      expect(entries.filter(({ action }) => action === 'audit.read')).toMatchObject([{ details: query }]);
    } finally {
      await beside.stop();
    }
  });

  it('is refused as before, and has read nothing', async () => {
    const blind = await server.createClient({ client_name: 'Blind', scope: 'admin:system', audience: [server.issuer] });
    const authorization = `Bearer ${await server.tokenOf(blind)}`;
    const { response, entry } = await ledger.refused(() => server.fetch(path, { headers: { authorization } }));
    await expectTooLittleScope(response, 'admin:oauth');
    expect(entry).toMatchObject({
      action: 'access.denied',
      actor_client_id: blind.client_id,
      target_id: `GET ${path}`,
    });
    const { result, entries } = await ledger.entriesOf(() => server.asAdmin('GET', `${path}?success=maybe`));
    await expectProblem(result, 400);
    expect(entries).toEqual([]);
  });

  it('sees nothing while the entry cannot be written', async () => {
    const query = '?action=client.deleted';
    const blocker = new Client({ connectionString: server.database.url });
    await blocker.connect();
    try {
      await blocker.query('BEGIN');
      await blocker.query('LOCK TABLE audit_chain_head IN EXCLUSIVE MODE');
      await expectProblem(await server.asAdmin('GET', `${path}${query}`), 503);
    } finally {
      await blocker.end();
    }
    const { result, entries } = await ledger.entriesOf(() => server.asAdmin('GET', `${path}${query}`));
    expect(result.status).toBe(200);
    expect(entries.map(({ action }) => action)).toContain('audit.read');
  });
});
