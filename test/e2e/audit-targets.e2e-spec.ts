/** Refusals in the audit log are found under what they were about, and hold no secret, wherever it was put. */
import { Ledger } from '../support/refusal.js';
import { basic, type Credentials, startServer, type TestServer } from '../support/server.js';

const clientsPath = '/admin/oauth/clients';
const logPath = '/admin/oauth/audit-logs';

let server: TestServer;
let ledger: Ledger;
let weak: string;
let client: Credentials;

beforeAll(async () => {
  server = await startServer();
  ledger = await Ledger.open(server);
  const ado = await server.createClient({ client_name: 'ADO', client_id: 'ado', scope: 'admin:oauth' });
  weak = await server.tokenOf(ado, { resource: server.issuer });
  client = await server.createClient({ client_name: 'Billing', client_id: 'billing', scope: 'read:profile' });
});

afterAll(async () => {
  await ledger?.close();
  await server?.stop();
});

function asWeak(method: string, path: string, body?: object): Promise<Response> {
  const headers = { authorization: `Bearer ${weak}`, ...(body && { 'content-type': 'application/json' }) };
  return server.fetch(path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
}

describe('U-01, M-05: a refused change', () => {
  it.each<[string, string, string, object | undefined]>([
    ['client.deleted', 'DELETE', '', undefined],
    ['client.updated', 'PATCH', '', { status: 'disabled' }],
    ['client.secret_regenerated', 'POST', '/regenerate-secret', undefined],
    ['client.secret_deleted', 'DELETE', '/secrets/none', undefined],
    ['token.revoked', 'POST', '/revoke-tokens', undefined],
  ])('%s is about the client that it was to change, and found under its name', async (action, method, path, body) => {
    const { result, entries } = await ledger.entriesOf(() => asWeak(method, `${clientsPath}/admin${path}`, body));
    expect(result.status).toBe(403);
    expect(entries).toMatchObject([
      { action, success: false, actor_client_id: 'ado', target_type: 'client', target_id: 'admin' },
    ]);
    const found = await server.asAdmin('GET', `${logPath}?client_id=admin&action=${action}&success=false`);
    const { items } = (await found.json()) as { items: { details: { route: string } }[] };
    expect(items[0]?.details.route).toBe(`${method} ${clientsPath}/:client_id${path.replace('none', ':secret_id')}`);
  });

  it.each<[string, string, string, object]>([
    ['client', 'POST', clientsPath, { client_name: '' }],
    ['scope', 'POST', '/admin/oauth/scopes', { name: 'a b' }],
    ['key', 'POST', '/admin/oauth/keys/none/revoke', { why: 1 }],
    ['subscription', 'POST', '/admin/events/subscriptions', { name: '' }],
  ])('of a %s that cannot be made or found is about that kind', async (targetType, method, path, body) => {
    const { entries } = await ledger.entriesOf(() => server.asAdmin(method, path, body));
    expect(entries).toMatchObject([{ success: false, target_type: targetType }]);
  });

  it.each<[string, string, string, object]>([
    ['a client_id that is taken', 'billing', clientsPath, { client_name: 'Another', client_id: 'billing' }],
    ['a scope that is taken', 'read:profile', '/admin/oauth/scopes', { name: 'read:profile' }],
  ])('is found under the name that was asked for: %s', async (_what, name, path, body) => {
    const { result, entries } = await ledger.entriesOf(() => server.asAdmin('POST', path, body));
    expect(result.status).toBe(409);
    expect(entries).toMatchObject([{ success: false, target_id: name, error: 'conflict' }]);
  });

  it.each<[number, string, { readonly body: string; readonly headers: Record<string, string> }]>([
    [413, 'client.created', { body: 'x'.repeat(1_048_577), headers: { 'content-type': 'application/json' } }],
    [
      415,
      'client.created',
      { body: '{}', headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' } },
    ],
  ])('that HTTP itself refuses with %i is recorded as well', async (status, action, { body, headers }) => {
    const authorization = `Bearer ${weak}`;
    const send = () => server.fetch(clientsPath, { method: 'POST', headers: { authorization, ...headers }, body });
    const { result, entries } = await ledger.entriesOf(send);
    expect(result.status).toBe(status);
    expect(entries).toMatchObject([{ action, success: false, actor_client_id: null, target_type: 'client' }]);
  });

  it('is about its route where it would have changed nothing', async () => {
    const { entries } = await ledger.entriesOf(() => server.fetch(clientsPath));
    expect(entries).toMatchObject([{ action: 'access.denied', target_type: 'route', target_id: `GET ${clientsPath}` }]);
  });
});

describe('M-11, D15: a secret in a wrong place', () => {
  it('is not in the entry: swapped with the identifier, in a path, in the name of the program', async () => {
    const { client_id: id, client_secret: secret } = client;
    const jwt = await server.tokenOf(client);
    const form = { grant_type: 'client_credentials', client_id: secret, client_secret: id };
    const uses: [string, () => Promise<Response>][] = [
      ['[signet_cs]', () => server.fetch('/oauth/token', { method: 'POST', body: new URLSearchParams(form) })],
      ['[signet_cs]', () => server.asAdmin('DELETE', `${clientsPath}/${secret}`)],
      ['[signet_cs]', () => server.fetch(`${clientsPath}/${secret}`)],
      ['[jwt]', () => server.asAdmin('POST', `/admin/oauth/tokens/${jwt}/revoke`)],
      [
        'ua [signet_cs]',
        () =>
          server.fetch('/oauth/token', {
            method: 'POST',
            headers: { authorization: basic(client), 'user-agent': `ua ${secret}` },
            body: new URLSearchParams({ grant_type: 'client_credentials' }),
          }),
      ],
    ];
    for (const [left, use] of uses) {
      const { entries } = await ledger.entriesOf(use);
      const text = JSON.stringify(entries);
      expect(text).toContain(left);
      expect(text).not.toContain(secret.slice(-12));
      expect(text).not.toContain(jwt.split('.')[1]);
    }
  });
});

describe('J-11: a client_id that is not the authenticated client', () => {
  it('is no entry of the client that it names', async () => {
    const other = await server.createClient({ client_name: 'Other', client_id: 'other', scope: 'read:profile' });
    const body = () => new URLSearchParams({ grant_type: 'client_credentials', client_id: other.client_id });
    const send = (authorization: string) =>
      server.fetch('/oauth/token', { method: 'POST', headers: { authorization }, body: body() });
    const contradiction = await ledger.entriesOf(() => send(basic(client)));
    expect(contradiction.result.status).toBe(400);
    expect(contradiction.entries).toMatchObject([{ actor_client_id: 'billing', target_id: 'billing' }]);
    const stranger = await ledger.entriesOf(() => send(basic({ ...client, client_secret: 'wrong' })));
    expect(stranger.result.status).toBe(401);
    expect(stranger.entries).toMatchObject([{ actor_client_id: 'billing', error: 'invalid_client' }]);
    const malformed = await ledger.entriesOf(() => send('Basic !'));
    expect(malformed.entries).toMatchObject([{ actor_client_id: null, target_id: null }]);
  });
});
