/** What the server may be made to send in the name of a client (security.md D8, M-23). */
import { DataSource } from 'typeorm';
import { type Credentials, startServer, type TestServer } from '../support/server.js';

const path = '/admin/events/subscriptions';
const minimal = { name: 'Invoices', url: 'https://hooks.example.com/in', event_types: ['order.*'] };

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});

afterAll(async () => {
  await server?.stop();
});

/** All that is stored of subscriptions. */
async function stored(): Promise<unknown> {
  return server.running.app.get(DataSource).query('SELECT to_json(s) AS s FROM subscriptions s ORDER BY id');
}

async function send(method: string, address: string, token: string, body?: unknown): Promise<Response> {
  return server.fetch(address, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

describe('M-23: tokens that the server sends for a subscription', () => {
  let owner: Credentials;
  let admin: string;
  let reader: string;
  const full = () => server.adminToken();

  beforeAll(async () => {
    owner = await server.createClient({
      client_name: 'owner',
      scope: 'read:profile read:features admin:full events:publish oauth:introspect state:read',
    });
    const ade = await server.createClient({ client_name: 'ADE', scope: 'admin:events' });
    admin = await server.tokenOf(ade);
    const both = await server.createClient({ client_name: 'ADE with more', scope: 'admin:events read:profile' });
    reader = await server.tokenOf(both);
  });

  const withAuth = (auth: Record<string, unknown>) => ({
    ...minimal,
    client_id: owner.client_id,
    auth: { type: 'oauth2', ...auth },
  });

  it.each(['admin:full', 'admin:events', 'admin:*', 'events:publish', 'events:*', 'state:*', 'oauth:introspect'])(
    'never hold the scope %s of this server, not even for admin:full',
    async (scope) => {
      for (const token of [admin, await full()]) {
        for (const asked of [scope, `read:profile ${scope}`]) {
          const response = await send('POST', path, token, withAuth({ scope: asked }));
          expect(response.status).toBe(400);
          expect(await response.json()).toMatchObject({ errors: [{ pointer: '/auth/scope' }] });
        }
      }
    },
  );

  it('are never meant for this server, nor for anybody but the endpoint', async () => {
    for (const resource of [
      ...[server.issuer, `${server.issuer}/`, 'https://other.example.com', 'http://hooks.example.com'],
      ...['https://hooks.example.com:8443', 'urn:x', 'https://hooks.example.com#x', 'hooks.example.com', ''],
      ...['https://user@hooks.example.com', 'https://:@hooks.example.com/in', 'https://u:p@hooks.example.com/'],
      ...['https://hooks.example.com@127.0.0.1/', 'https://hooks.example.com.evil.example/', 1],
    ]) {
      const response = await send('POST', path, await full(), withAuth({ scope: 'read:profile', resource }));
      expect([resource, response.status]).toEqual([resource, 400]);
      expect(await response.json()).toMatchObject({ errors: [{ pointer: '/auth/resource' }] });
    }
  });

  it('hold only what the client may have', async () => {
    for (const scope of ['read:groups', '', ' ']) {
      const response = await send('POST', path, await full(), withAuth({ scope }));
      expect([scope, response.status]).toEqual([scope, 400]);
      expect(await response.json()).toMatchObject({ errors: [{ pointer: '/auth/scope' }] });
    }
  });

  it('are of no client whose tokens are bound to a key', async () => {
    const bound = { dpop_bound_access_tokens: true, scope: 'read:profile' };
    const { client_id } = await server.createClient({ client_name: 'bound', ...bound });
    const response = await send('POST', path, await full(), { ...withAuth({}), client_id });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ errors: [{ pointer: '/client_id' }] });
  });

  it('hold only what the caller covers', async () => {
    for (const auth of [{ scope: 'read:profile' }, {}]) {
      const response = await send('POST', path, admin, withAuth(auth));
      expect(response.status).toBe(403);
      const challenge = response.headers.get('www-authenticate') ?? '';
      expect(challenge).toContain('error="insufficient_scope"');
      expect(challenge).toContain('read:profile');
    }
    expect((await send('POST', path, reader, withAuth({ scope: 'read:profile' }))).status).toBe(201);
    expect((await send('POST', path, reader, withAuth({ scope: 'read:profile read:features' }))).status).toBe(403);
  });

  it('are out of reach of whoever does not cover them: before and after, on every path', async () => {
    const created = await send('POST', path, await full(), withAuth({ scope: 'read:profile read:features' }));
    const { id } = (await created.json()) as { id: string };
    const before = await stored();
    for (const token of [admin, reader]) {
      for (const [method, suffix, body] of [
        ['PATCH', '', { url: 'https://evil.example.com/' }],
        ['PATCH', '', { auth: { type: 'none' } }],
        ['PATCH', '', { auth: { scope: 'read:profile' } }],
        ['PATCH', '', { status: 'paused' }],
        ['PATCH', '', {}],
        ['POST', '/rotate-secret', {}],
        ['POST', '/test', undefined],
        ['DELETE', '', undefined],
      ] as const) {
        const response = await send(method, `${path}/${id}${suffix}`, token, body);
        expect([method, suffix, response.status]).toEqual([method, suffix, 403]);
      }
    }
    expect(await stored()).toEqual(before);
    expect((await send('GET', `${path}/${id}`, admin)).status).toBe(200);
  });

  it('do not grow by a change of the subscription', async () => {
    const created = await send('POST', path, reader, withAuth({ scope: 'read:profile' }));
    const { id } = (await created.json()) as { id: string };
    const patch = async (body: unknown) => (await send('PATCH', `${path}/${id}`, reader, body)).status;
    expect(await patch({ auth: { scope: 'read:features' } })).toBe(403);
    expect(await patch({ auth: { scope: null } })).toBe(403);
    expect(await patch({ url: 'https://other.example.com/', auth: { resource: minimal.url } })).toBe(400);
    expect(await patch({ name: 'x' })).toBe(200);
    const other = await server.createClient({ client_name: 'other', scope: 'read:groups' });
    expect(await patch({ client_id: other.client_id })).toBe(400);
    expect(await patch({ client_id: other.client_id, auth: { scope: null } })).toBe(403);
  });
});
