import { generateKeyPairSync } from 'node:crypto';
import { expectInvalidClient, expectProblem, Ledger } from '../support/refusal.js';
import { startServer, type TestServer } from '../support/server.js';

const path = '/admin/oauth/clients';
const subjects = {
  tls_client_auth_subject_dn: 'CN=billing,OU=Ops+L=Berlin,O=Example\\, Inc.',
  tls_client_auth_san_dns: 'billing.example.com',
  tls_client_auth_san_uri: 'spiffe://example.com/billing',
  tls_client_auth_san_ip: '2001:db8::1',
  tls_client_auth_san_email: 'billing@example.com',
};

function publicJwk(type: 'ed25519' | 'x25519' | 'ec', namedCurve = 'P-256'): Record<string, unknown> {
  const { publicKey } =
    type === 'ec'
      ? generateKeyPairSync('ec', { namedCurve })
      : type === 'ed25519'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('x25519');
  return { ...publicKey.export({ format: 'jwk' }) };
}

const jwks = { keys: [publicJwk('ed25519')] };
const jwks_uri = 'https://example.org/jwks';

let server: TestServer;
let ledger: Ledger;

beforeAll(async () => {
  server = await startServer();
  ledger = await Ledger.open(server);
});

afterAll(async () => {
  await ledger?.close();
  await server?.stop();
});

type Json = Record<string, unknown> & { readonly client_id: string; readonly client_secret?: string };

async function create(members: Record<string, unknown>): Promise<Json> {
  const response = await server.asAdmin('POST', path, { client_name: 'Billing', ...members });
  expect([response.status, await response.clone().text()]).toEqual([201, expect.any(String)]);
  return (await response.json()) as Json;
}

async function pointersOf(response: Response): Promise<string[]> {
  await expectProblem(response, 400);
  const { errors } = (await response.json()) as { errors: { pointer: string }[] };
  return errors.map(({ pointer }) => pointer);
}

describe('a client without a shared secret', () => {
  it.each<[string, Record<string, unknown>]>([
    ['private_key_jwt', { jwks }],
    ['private_key_jwt', { jwks_uri }],
    ['private_key_jwt', { jwks: { keys: [publicJwk('x25519'), publicJwk('ec')] } }],
    ['self_signed_tls_client_auth', { jwks: { keys: [publicJwk('ec', 'P-384')] } }],
    ['self_signed_tls_client_auth', { jwks_uri }],
    ...Object.entries(subjects).map(([name, value]): [string, Record<string, unknown>] => [
      'tls_client_auth',
      { [name]: value },
    ]),
  ])('is registered with %s and %j, and gets none', async (token_endpoint_auth_method, members) => {
    const client = await create({ token_endpoint_auth_method, ...members });
    expect(client).toMatchObject({ token_endpoint_auth_method, ...members, secrets: [] });
    expect(client).not.toHaveProperty('client_secret');
    expect(client).not.toHaveProperty('client_secret_expires_at');
    expect((await server.asAdmin('POST', `${path}/${client.client_id}/regenerate-secret`, {})).status).toBe(409);
  });

  it.each<[string, Record<string, unknown>, string[]]>([
    [
      'private_key_jwt without keys',
      { token_endpoint_auth_method: 'private_key_jwt' },
      ['/token_endpoint_auth_method'],
    ],
    [
      'private_key_jwt with two sources of keys',
      { token_endpoint_auth_method: 'private_key_jwt', jwks, jwks_uri },
      ['/jwks_uri'],
    ],
    [
      'private_key_jwt with keys that verify nothing',
      {
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [publicJwk('x25519'), publicJwk('ec', 'P-384')] },
      },
      ['/jwks/keys'],
    ],
    [
      'private_key_jwt with a key for encryption',
      { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [{ ...publicJwk('ec'), use: 'enc' }] } },
      ['/jwks/keys'],
    ],
    [
      'self_signed_tls_client_auth without keys',
      { token_endpoint_auth_method: 'self_signed_tls_client_auth' },
      ['/token_endpoint_auth_method'],
    ],
    [
      'tls_client_auth without a subject',
      { token_endpoint_auth_method: 'tls_client_auth' },
      ['/token_endpoint_auth_method'],
    ],
    [
      'tls_client_auth with two subjects',
      {
        token_endpoint_auth_method: 'tls_client_auth',
        tls_client_auth_san_dns: 'a.example',
        tls_client_auth_san_ip: '192.0.2.1',
      },
      ['/tls_client_auth_san_ip'],
    ],
    ['a subject without tls_client_auth', { tls_client_auth_san_dns: 'a.example' }, ['/tls_client_auth_san_dns']],
    ...Object.entries({
      tls_client_auth_subject_dn: ['billing', 'CN=', 'CN=a,,O=b', 'NOSUCH=a', '', 'x'.repeat(1025), '/CN=billing'],
      tls_client_auth_san_dns: ['a..b', 'a b', 'https://a.example', '-'.repeat(300)],
      tls_client_auth_san_uri: ['a', '//a', 'a b:c', 'https:'],
      tls_client_auth_san_ip: ['192.0.2', '192.0.2.1/32', '0x7f.1', '2001:db8::g', '127.1'],
      tls_client_auth_san_email: ['billing', '@example.com', 'a b@example.com', 'a@b@example.com'],
    }).flatMap(([name, values]) =>
      values.map((value): [string, Record<string, unknown>, string[]] => [
        `${name} ${value.slice(0, 30)}`,
        { token_endpoint_auth_method: 'tls_client_auth', [name]: value },
        [`/${name}`],
      ]),
    ),
    ['a number for a subject', { tls_client_auth_san_dns: 1 }, ['/tls_client_auth_san_dns']],
    [
      'a text for a flag',
      { tls_client_certificate_bound_access_tokens: 'true' },
      ['/tls_client_certificate_bound_access_tokens'],
    ],
  ])('is not registered with %s', async (_, members, expected) => {
    const before = await ledger.rows('SELECT count(*) FROM clients');
    const response = await server.asAdmin('POST', path, { client_name: 'Billing', ...members });
    expect([...new Set(await pointersOf(response))]).toEqual(expected);
    expect(await ledger.rows('SELECT count(*) FROM clients')).toEqual(before);
  });

  it.each([
    'http://example.org/jwks',
    'https://user:password@example.org/jwks',
    'https://example.org/jwks#a',
    'https://127.0.0.1/jwks',
    'https://[::ffff:127.0.0.1]/jwks',
    'https://169.254.169.254/latest',
    'https://metadata.google.internal/',
    'https://localhost/jwks',
    'https://10.0.0.1/jwks',
    'https://2130706433/jwks',
    'file:///etc/passwd',
    'jwks',
    `https://example.org/${'x'.repeat(3_000)}`,
  ])('D10: is not registered with the jwks_uri %.60s, nor patched to it', async (uri) => {
    const body = { client_name: 'Billing', token_endpoint_auth_method: 'private_key_jwt', jwks_uri: uri };
    expect(await pointersOf(await server.asAdmin('POST', path, body))).toEqual(['/jwks_uri']);
    const { client_id } = await create({ token_endpoint_auth_method: 'private_key_jwt', jwks_uri });
    const response = await server.asAdmin('PATCH', `${path}/${client_id}`, { jwks_uri: uri });
    expect(await pointersOf(response)).toEqual(['/jwks_uri']);
    expect(await (await server.asAdmin('GET', `${path}/${client_id}`)).json()).toMatchObject({ jwks_uri });
  });
});

describe('a change of token_endpoint_auth_method', () => {
  it('away from a secret: its secrets end at once', async () => {
    const client = await create({ scope: 'read:profile' });
    const credentials = { client_id: client.client_id, client_secret: client.client_secret ?? '' };
    expect((await server.requestToken(credentials)).status).toBe(200);

    const response = await server.asAdmin('PATCH', `${path}/${client.client_id}`, {
      token_endpoint_auth_method: 'private_key_jwt',
      jwks,
    });
    expect([response.status, await response.json()]).toEqual([200, expect.objectContaining({ secrets: [] })]);
    await expectInvalidClient(await server.requestToken(credentials));
    const { client_id } = client;
    expect(await ledger.rows('SELECT 1 FROM client_secrets WHERE client_id = $1', [client_id])).toEqual([]);
  });

  it('to a secret: the client gets one, shown this once', async () => {
    const { client_id } = await create({ token_endpoint_auth_method: 'private_key_jwt', jwks });
    const response = await server.asAdmin('PATCH', `${path}/${client_id}`, { token_endpoint_auth_method: null });
    const patched = (await response.json()) as Json;
    expect(patched).toMatchObject({
      token_endpoint_auth_method: 'client_secret_basic',
      client_secret: expect.stringMatching(/^signet_cs_/),
      client_secret_expires_at: 0,
      secrets: [{ secret_id: patched.client_secret?.split('_')[2], expires_at: null }],
    });
    expect((await server.requestToken({ client_id, client_secret: patched.client_secret ?? '' })).status).toBe(200);
    expect(await (await server.asAdmin('GET', `${path}/${client_id}`)).json()).not.toHaveProperty('client_secret');

    const again = await server.asAdmin('PATCH', `${path}/${client_id}`, {
      token_endpoint_auth_method: 'client_secret_post',
    });
    expect(await again.json()).not.toHaveProperty('client_secret');
    expect((await server.requestToken({ client_id, client_secret: patched.client_secret ?? '' })).status).toBe(200);
  });

  it.each<[string, Record<string, unknown>, Record<string, unknown>, string[]]>([
    ['to one that needs keys', {}, { token_endpoint_auth_method: 'private_key_jwt' }, ['/token_endpoint_auth_method']],
    [
      'that leaves a subject behind',
      { token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_san_dns: 'a.example' },
      { token_endpoint_auth_method: null },
      ['/tls_client_auth_san_dns'],
    ],
    [
      'that takes the keys away',
      { token_endpoint_auth_method: 'private_key_jwt', jwks },
      { jwks: null },
      ['/token_endpoint_auth_method'],
    ],
    [
      'that takes the subject away',
      { token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_san_dns: 'a.example' },
      { tls_client_auth_san_dns: null },
      ['/token_endpoint_auth_method'],
    ],
  ])('is refused %s', async (_, members, patch, expected) => {
    const { client_id } = await create(members);
    const before = await ledger.rows('SELECT * FROM clients WHERE client_id = $1', [client_id]);
    expect(await pointersOf(await server.asAdmin('PATCH', `${path}/${client_id}`, patch))).toEqual(expected);
    expect(await ledger.rows('SELECT * FROM clients WHERE client_id = $1', [client_id])).toEqual(before);
  });
});

describe('M-05 a stronger client is not taken over', () => {
  it.each<Record<string, unknown>>([
    { token_endpoint_auth_method: 'private_key_jwt', jwks },
    { token_endpoint_auth_method: 'private_key_jwt', jwks_uri: 'https://evil.example/jwks' },
    { token_endpoint_auth_method: 'self_signed_tls_client_auth', jwks },
    { token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_san_dns: 'evil.example' },
    { tls_client_certificate_bound_access_tokens: true },
    { dpop_bound_access_tokens: true },
    { refresh_token_grace_seconds: 60 },
    { grant_types: ['client_credentials', 'refresh_token'] },
  ])('%j', async (patch) => {
    const token = await server.tokenOf(server.admin, { scope: 'admin:oauth' });
    const before = await ledger.rows(`SELECT * FROM clients WHERE client_id = 'admin'`);
    const response = await server.fetch(`${path}/admin`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(patch),
    });
    expect([response.status, response.headers.get('www-authenticate')]).toEqual([
      403,
      'Bearer error="insufficient_scope", scope="admin:full"',
    ]);
    const ignoringUse = (rows: unknown[]) => rows.map((row) => ({ ...(row as object), last_used_at: null }));
    expect(ignoringUse(await ledger.rows(`SELECT * FROM clients WHERE client_id = 'admin'`))).toEqual(
      ignoringUse(before),
    );
  });
});
