import { Client as PgClient } from 'pg';
import { startServer, type TestServer } from '../support/server.js';

interface ScopeJson {
  readonly name: string;
  readonly description: string;
}

const path = '/admin/oauth/scopes';
const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});

afterAll(() => server.stop());

async function json<T>(response: Response): Promise<T> {
  return (await response.json()) as T;
}

async function list(query = ''): Promise<{ items: ScopeJson[]; next_cursor: string | null }> {
  const response = await server.asAdmin('GET', `${path}${query}`);
  expect(response.status).toBe(200);
  return json(response);
}

async function names(): Promise<string[]> {
  return (await list('?limit=200')).items.map(({ name }) => name);
}

async function pointers(response: Response): Promise<string[]> {
  const { errors } = await json<{ errors?: { pointer: string }[] }>(response);
  return (errors ?? []).map(({ pointer }) => pointer);
}

it('is seeded', async () => {
  expect((await names()).toSorted()).toEqual(
    `admin:oauth admin:users admin:system admin:events admin:full read:profile read:features read:groups manage:*
     events:publish state:read state:write oauth:introspect`
      .split(/\s+/)
      .toSorted(),
  );
});

it('registers, shows, describes and deletes a scope', async () => {
  const created = await server.asAdmin('POST', path, { name: 'manage:orders', description: 'Orders' });
  expect(created.status).toBe(201);
  expect(created.headers.get('location')).toBe(`${server.issuer}${path}/manage%3Aorders`);
  const scope = {
    name: 'manage:orders',
    description: 'Orders',
    created_at: expect.stringMatching(rfc3339),
    updated_at: expect.stringMatching(rfc3339),
  };
  expect(await json(created)).toEqual(scope);
  expect((await list()).items[0]).toEqual(scope);

  const described = await server.asAdmin('PATCH', `${path}/manage%3Aorders`, { description: 'All orders' });
  expect([described.status, await json(described)]).toEqual([200, { ...scope, description: 'All orders' }]);
  const emptied = await server.asAdmin('PATCH', `${path}/manage:orders`, { description: null });
  expect(await json(emptied)).toEqual({ ...scope, description: '' });

  expect((await server.asAdmin('DELETE', `${path}/manage:orders`)).status).toBe(204);
  expect(await names()).not.toContain('manage:orders');
  expect((await server.asAdmin('DELETE', `${path}/manage:orders`)).status).toBe(404);
});

it.each(['a:*', 'https://api.example/read', 'x', "it's,odd;but=(legal)!", 'y'.repeat(128), 'percent%2F', 'toString'])(
  'registers and deletes %s',
  async (name) => {
    expect((await server.asAdmin('POST', path, { name })).status).toBe(201);
    const own = `${path}/${encodeURIComponent(name)}`;
    expect((await server.asAdmin('PATCH', own, { description: 'x' })).status).toBe(200);
    expect((await server.asAdmin('DELETE', own)).status).toBe(204);
  },
);

it.each([
  'admin:*',
  'admin:x',
  'ADMIN:x',
  'oauth:x',
  'a b',
  '"',
  '\\',
  'é',
  'x'.repeat(300),
  '',
  '*',
  'a*',
  'a:*:b',
  'a:',
])('M-07 refuses to register "%s"', async (name) => {
  const before = await names();
  const response = await server.asAdmin('POST', path, { name });
  expect([response.status, await pointers(response)]).toEqual([400, ['/name']]);
  expect(await names()).toEqual(before);
});

it.each<[unknown, string[]]>([
  [{}, ['/name']],
  [{ name: 1 }, ['/name']],
  [{ name: null }, ['/name']],
  [{ name: 'a:b', description: 1 }, ['/description']],
  [{ name: 'a:b', description: 'x'.repeat(1001) }, ['/description']],
  [{ name: 'a:b', built_in: true }, ['/built_in']],
])('refuses the body %j', async (body, expected) => {
  const response = await server.asAdmin('POST', path, body);
  expect([response.status, await pointers(response)]).toEqual([400, expected]);
});

it('refuses to rename', async () => {
  const response = await server.asAdmin('PATCH', `${path}/read:profile`, { name: 'read:other' });
  expect([response.status, await pointers(response)]).toEqual([400, ['/name']]);
});

it('refuses a name that is taken', async () => {
  expect((await server.asAdmin('POST', path, { name: 'read:profile' })).status).toBe(409);
});

it.each(['admin:full', 'admin:oauth', 'admin:users', 'oauth:introspect'])('M-07 keeps %s', async (name) => {
  expect((await server.asAdmin('DELETE', `${path}/${name}`)).status).toBe(409);
  expect(await names()).toContain(name);
});

it('keeps a scope in use, literally held, until no client that is left holds it', async () => {
  await server.asAdmin('POST', path, { name: 'use:*' });
  await server.asAdmin('POST', path, { name: 'use:covered' });
  const { client_id } = await server.createClient({ client_name: 'Holder', scope: 'use:*' });

  expect((await server.asAdmin('DELETE', `${path}/use:*`)).status).toBe(409);
  expect((await server.asAdmin('DELETE', `${path}/use:covered`)).status).toBe(204);
  await server.asAdmin('PATCH', `/admin/oauth/clients/${client_id}`, { status: 'disabled' });
  expect((await server.asAdmin('DELETE', `${path}/use:*`)).status).toBe(409);
  await server.asAdmin('DELETE', `/admin/oauth/clients/${client_id}`);
  expect((await server.asAdmin('DELETE', `${path}/use:*`)).status).toBe(204);
});

it.each(['nope', '%00', 'a%20b', '%C3%A9', '__proto__', 'x'.repeat(900)])('knows no scope, case %#', async (name) => {
  expect((await server.asAdmin('DELETE', `${path}/${name}`)).status).toBe(404);
  expect((await server.asAdmin('PATCH', `${path}/${name}`, {})).status).toBe(404);
});

it('lists page by page, newest first', async () => {
  const all = await names();
  const paged: string[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const page = await list(`?limit=5${cursor === '' ? '' : `&cursor=${cursor}`}`);
    expect(page.items.length).toBeLessThanOrEqual(5);
    paged.push(...page.items.map(({ name }) => name));
    cursor = page.next_cursor;
  }
  expect(paged).toEqual(all);
  expect((await server.asAdmin('GET', `${path}?limit=0`)).status).toBe(400);
});

it('is believed by the token endpoint at once', async () => {
  const client = await server.createClient({ client_name: 'Wild', scope: 'manage:*' });
  const ask = async () => (await server.requestToken(client, { scope: 'manage:late' })).status;
  expect(await ask()).toBe(400);
  await server.asAdmin('POST', path, { name: 'manage:late' });
  expect(await ask()).toBe(200);
  await server.asAdmin('DELETE', `${path}/manage:late`);
  expect(await ask()).toBe(400);
});

it('U-01 leaves one entry in the audit log for each write', async () => {
  const own = `${path}/audited:x`;
  await server.asAdmin('POST', path, { name: 'audited:x' });
  await server.asAdmin('PATCH', own, { description: 'x' });
  await server.asAdmin('PATCH', own, { description: 'x' });
  await server.asAdmin('DELETE', own);
  await server.asAdmin('DELETE', own);

  const client = new PgClient({ connectionString: server.database.url });
  await client.connect();
  const { rows } = await client.query<{ entry: string }>(
    `SELECT action || ' ' || success AS entry FROM audit_log
     WHERE target_id = 'audited:x' OR details->'params'->>'name' = 'audited:x' ORDER BY occurred_at, id`,
  );
  await client.end();
  expect(rows.map(({ entry }) => entry)).toEqual([
    'scope.created true',
    'scope.updated true',
    'scope.deleted true',
    'scope.deleted false',
  ]);
});
