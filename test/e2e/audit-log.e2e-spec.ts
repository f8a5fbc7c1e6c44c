/** The audit log over HTTP: http-api.md "Admin"; M-15, U-03. */
import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { expectProblem } from '../support/refusal.js';
import { startServer, type TestServer } from '../support/server.js';

interface Entry {
  readonly id: string;
  readonly occurred_at: string;
  readonly action: string;
  readonly success: boolean;
  readonly actor_client_id: string | null;
  readonly target_id: string | null;
  readonly user_agent: string | null;
  readonly details: Record<string, unknown> | null;
}

interface Page {
  readonly items: Entry[];
  readonly next_cursor: string | null;
}

const path = '/admin/oauth/audit-logs';
const members = [
  'id',
  'occurred_at',
  'action',
  'success',
  'actor_client_id',
  'target_type',
  'target_id',
  'ip_address',
  'user_agent',
  'request_id',
  'details',
  'error',
];

let server: TestServer;
let database: Client;

beforeAll(async () => {
  server = await startServer();
  database = new Client({ connectionString: server.database.url });
  await database.connect();
  for (let count = 0; count < 5; count += 1) await server.createClient({ client_name: 'C', client_id: `c-${count}` });
  const credentials = await server.createClient({ client_name: 'Worker', client_id: 'worker', scope: 'read:profile' });
  await server.tokenOf(credentials);
  await server.requestToken({ ...credentials, client_secret: 'wrong' });
});

afterAll(async () => {
  await database?.end();
  await server?.stop();
});

function get(query: Record<string, string> = {}, under = ''): Promise<Response> {
  return server.asAdmin('GET', `${path}${under}?${new URLSearchParams(query).toString()}`);
}

async function list(query: Record<string, string> = {}): Promise<Page> {
  const response = await get(query);
  expect(response.status).toBe(200);
  return (await response.json()) as Page;
}

async function all(query: Record<string, string> = {}): Promise<Entry[]> {
  const found: Entry[] = [];
  let cursor: string | null = null;
  do {
    const page: Page = await list(cursor === null ? query : { ...query, cursor });
    found.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return found;
}

/** Adds entries as somebody who writes to the table would. */
async function insert(count: number, at: string, userAgent: string | null = null): Promise<void> {
  await database.query(
    `INSERT INTO audit_log (id, occurred_at, action, success, actor_client_id, user_agent, batch_id)
     SELECT gen_random_uuid(), $1, 'token.denied', false, 'bulk', $2, gen_random_uuid() FROM generate_series(1, $3)`,
    [at, userAgent, count],
  );
}

describe('GET /admin/oauth/audit-logs', () => {
  it('shows the members of the contract and no other, newest first', async () => {
    const { items } = await list();
    expect(items.length).toBeGreaterThan(8);
    for (const item of items) {
      expect(Object.keys(item)).toEqual(members);
      expect(item.occurred_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    }
    const times = items.map(({ occurred_at: at }) => at);
    expect(times).toEqual(times.toSorted().toReversed());
    expect(items).toContainEqual(
      expect.objectContaining({
        action: 'client.created',
        success: true,
        actor_client_id: 'admin',
        target_type: 'client',
        target_id: 'c-3',
        ip_address: '127.0.0.1',
        user_agent: 'node',
        request_id: expect.any(String),
        error: null,
      }),
    );
  });

  it('filters by the client that acted or that it was about, by action, outcome and time', async () => {
    const about = await all({ client_id: 'worker' });
    expect(about.map(({ action }) => action).toSorted()).toEqual(['client.created', 'token.denied', 'token.issued']);
    expect(await all({ client_id: 'nobody' })).toEqual([]);

    const created = await all({ action: 'client.created', client_id: 'admin' });
    expect(created).toHaveLength(7);
    expect(await all({ action: 'no.such_thing' })).toEqual([]);

    const refused = await all({ success: 'false' });
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.every(({ success }) => !success)).toBe(true);
    expect((await all({ success: 'true' })).every(({ success }) => success)).toBe(true);

    const middle = (await all())[3]?.occurred_at ?? '';
    const halves = async () => [await all({ to: middle }), await all({ from: middle })] as const;
    // Reading a half is an entry itself, the first time.
    await halves();
    const everything = await all();
    const [before, since] = await halves();
    expect(before.every(({ occurred_at: at }) => at < middle)).toBe(true);
    expect(since.every(({ occurred_at: at }) => at >= middle)).toBe(true);
    expect([...since, ...before].map(({ id }) => id)).toEqual(everything.map(({ id }) => id));
  });

  it('goes on from a cursor, entry by entry, while others are added', async () => {
    const before = await all();
    const first = await list({ limit: '3' });
    await server.createClient({ client_name: 'Later' });
    const rest = await all({ limit: '3', cursor: first.next_cursor ?? '' });
    expect([...first.items, ...rest].map(({ id }) => id)).toEqual(before.map(({ id }) => id));
    const mine = await all({ limit: '2', client_id: 'worker' });
    expect(mine).toEqual(await all({ client_id: 'worker' }));
  });

  it.each([
    [{ limit: '0' }, '/limit'],
    [{ limit: '201' }, '/limit'],
    [{ cursor: 'x' }, '/cursor'],
    [{ client_id: '' }, '/client_id'],
    [{ client_id: 'x'.repeat(257) }, '/client_id'],
    [{ action: 'DROP TABLE' }, '/action'],
    [{ success: 'maybe' }, '/success'],
    [{ success: '' }, '/success'],
    [{ from: '2026-01-02T00:00:00Z', to: '2026-01-01T00:00:00Z' }, '/from'],
    [{ from: 'yesterday' }, '/from'],
    [{ from: '2026-01-01' }, '/from'],
    [{ from: '2026-02-30T00:00:00Z' }, '/from'],
    [{ from: '2026-01-01T25:00:00Z' }, '/from'],
    [{ to: '9999-01-01T00:00:00Z' }, '/to'],
    [{ to: '9999-12-31T23:59:59.999Z' }, '/to'],
    [{ to: '2026-01-01T00:00:00.1234567890Z' }, '/to'],
  ] as [Record<string, string>, string][])('M-15: refuses %j', async (query, pointer) => {
    const response = await get(query);
    await expectProblem(response, 400);
    expect(await response.json()).toMatchObject({ errors: [{ pointer }] });
  });

  it('refuses a cursor of another filter or list, and an altered one', async () => {
    const { next_cursor: cursor } = await list({ limit: '1' });
    const altered = `${cursor?.slice(0, -1)}${cursor?.endsWith('A') === true ? 'B' : 'A'}`;
    await expectProblem(await get({ limit: '1', cursor: altered }), 400);
    await expectProblem(await get({ limit: '1', cursor: cursor ?? '', success: 'true' }), 400);
    await expectProblem(await server.asAdmin('GET', `/admin/oauth/tokens?cursor=${cursor}`), 400);
  });

  it('U-03: nothing changes or deletes an entry', async () => {
    const [{ id }] = (await list({ limit: '1' })).items as [Entry];
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      expect((await server.asAdmin(method, path)).status).toBe(405);
      expect([404, 405]).toContain((await server.asAdmin(method, `${path}/${id}`)).status);
    }
    expect((await list({ from: '2020-01-01T00:00:00Z' })).items.some((entry) => entry.id === id)).toBe(true);
  });

  it('wants admin:oauth', async () => {
    const other = await server.createClient({ client_name: 'Other', scope: 'admin:system', audience: [server.issuer] });
    const authorization = `Bearer ${await server.tokenOf(other)}`;
    for (const under of ['', '/export', '/verify']) {
      await expectProblem(await server.fetch(`${path}${under}`, { headers: { authorization } }), 403);
      await expectProblem(await server.fetch(`${path}${under}`), 401);
    }
  });
});

describe('GET /admin/oauth/audit-logs/export', () => {
  it('gives what the list gives, as NDJSON, and is an entry itself', async () => {
    const entries = await all({ success: 'true' });
    const response = await get({ format: 'ndjson', success: 'true', access_token: 'secret' }, '/export');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/x-ndjson');
    expect(response.headers.get('content-disposition')).toBe('attachment; filename="audit-log.ndjson"');
    const lines = (await response.text()).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as Entry)).toEqual(entries);
    const [newest] = (await list({ limit: '1' })).items;
    expect(newest).toMatchObject({
      action: 'audit.exported',
      actor_client_id: 'admin',
      details: { format: 'ndjson', success: true },
    });
  });

  it('gives CSV that a spreadsheet takes for text', async () => {
    await insert(1, '2026-11-20T12:00:00Z', '=HYPERLINK("http://evil","a,b")');
    const response = await get({ format: 'csv', client_id: 'bulk' }, '/export');
    expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present');
    const [header, line, end] = (await response.text()).split('\r\n');
    expect(header).toBe(members.join(','));
    expect(line).toContain(`,"'=HYPERLINK(""http://evil"",""a,b"")",`);
    expect(end).toBe('');
  });

  it.each([
    { format: 'xml' },
    { format: '' },
    { from: 'x' },
    { chain: 'true', format: 'csv' },
    { chain: 'x' },
  ] as Record<string, string>[])('refuses %j', async (query) => {
    await expectProblem(await get(query, '/export'), 400);
  });

  it('streams: the first lines are there before the last are read, and whoever leaves is not read for', async () => {
    await insert(60_000, '2026-11-20T13:00:00Z', randomUUID());
    const response = await get({ client_id: 'bulk' }, '/export');
    expect(response.headers.has('content-length')).toBe(false);
    const reader = response.body?.getReader();
    const first = await reader?.read();
    expect(first?.value?.length).toBeGreaterThan(0);
    const reading = `SELECT count(*)::int AS count FROM pg_stat_activity
      WHERE datname = current_database() AND state <> 'idle' AND query LIKE '%FROM audit_log a%' AND pid <> pg_backend_pid()`;
    await reader?.cancel();
    let quiet = 0;
    for (let tries = 0; tries < 200 && quiet < 5; tries += 1) {
      const { rows } = await database.query<{ count: number }>(reading);
      quiet = rows[0]?.count === 0 ? quiet + 1 : 0;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(quiet).toBe(5);
    const whole = await get({ client_id: 'bulk', format: 'csv' }, '/export');
    let lines = 0;
    for await (const chunk of whole.body as unknown as AsyncIterable<Uint8Array>) {
      for (const byte of chunk) if (byte === 10) lines += 1;
      expect(chunk.length).toBeLessThan(300_000);
    }
    expect(lines).toBe(60_002);
  });
});
