/**
 * RFC 7662, OAuth 2.0 Token Introspection.
 *
 * | section | requirement | test |
 * |---|---|---|
 * | §2.1 | POST, a form, `token` REQUIRED; a hint is only a hint | request; I-07 |
 * | §2.1 | the protected resource must authenticate | I-01, I-17 |
 * | §2.2 | `active` and the members of an active token | an active token |
 * | §2.2 | `{"active":false}` and nothing else, with 200, for every other | I-03 |
 * | §2.2 | answers differ by who asks | I-05 |
 * | §2.3 | errors as RFC 6749 §5.2 | request |
 * | §4 | not for whom the token is not meant | I-05 |
 * | §4 | expired, revoked, signed by another key, not yet valid: not active | I-03; revocation |
 * | §4 | never an answer that is older than a revocation | I-09 (rfc7009.e2e-spec.ts); I-13 (token-life.e2e-spec.ts) |
 */
import { expectInvalidClient, expectOAuthError, Ledger } from '../support/refusal.js';
import { basic, type Credentials, startServer, type TestServer } from '../support/server.js';
import { signAsServer } from '../support/server-tokens.js';

const apiA = 'https://api.a';
const apiB = 'https://api.b';
const path = '/oauth/introspect';

let server: TestServer;
let ledger: Ledger;
let a: Credentials;
let resourceServer: Credentials;
let auditor: Credentials;

beforeAll(async () => {
  server = await startServer();
  ledger = await Ledger.open(server);
  a = await server.createClient({
    client_name: 'A',
    scope: 'read:profile read:features',
    audience: [apiA, apiB],
    grant_types: ['client_credentials', 'refresh_token'],
  });
  resourceServer = await server.createClient({ client_name: 'RS', resource_identifiers: [apiA] });
  auditor = await server.createClient({ client_name: 'Auditor', scope: 'oauth:introspect' });
});

afterAll(async () => {
  await ledger?.close();
  await server?.stop();
});

function introspect(credentials: Credentials, form: Record<string, string> | [string, string][]): Promise<Response> {
  const headers = { authorization: basic(credentials) };
  return server.fetch(path, { method: 'POST', headers, body: new URLSearchParams(form) });
}

async function answerTo(credentials: Credentials, token: string): Promise<Record<string, unknown>> {
  const response = await introspect(credentials, { token });
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, unknown>;
}

async function expectInactive(response: Response): Promise<void> {
  expect(response.status).toBe(200);
  expect(await response.text()).toBe('{"active":false}');
}

function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
}

describe('§2.1 request', () => {
  it.each([
    ['no token', {}],
    ['an empty token', { token: '' }],
  ])('%s', async (_, form) => {
    await expectOAuthError(await introspect(a, form), 400, 'invalid_request');
  });

  it('a repeated token', async () => {
    const form: [string, string][] = [
      ['token', 'a'],
      ['token', 'a'],
    ];
    await expectOAuthError(await introspect(a, form), 400, 'invalid_request');
  });

  it('JSON instead of a form', async () => {
    const headers = { authorization: basic(a), 'content-type': 'application/json' };
    const response = await server.fetch(path, { method: 'POST', headers, body: '{"token":"a"}' });
    await expectOAuthError(response, 400, 'invalid_request');
  });

  it.each(['GET', 'PUT', 'DELETE'])('%s', async (method) => {
    const response = await server.fetch(`${path}?token=a`, { method, headers: { authorization: basic(a) } });
    await expectOAuthError(response, 405, 'invalid_request');
    expect(response.headers.get('allow')).toBe('POST');
  });

  it('client_secret_post stands in for client_secret_basic', async () => {
    const body = new URLSearchParams({ ...a, token: await server.tokenOf(a) });
    const response = await server.fetch(path, { method: 'POST', body });
    expect(await response.json()).toMatchObject({ active: true });
  });

  it('I-15: 64 KiB, NUL and newline', async () => {
    expect((await introspect(a, { token: 'x'.repeat(65_536) })).status).toBe(413);
    await expectInactive(await introspect(a, { token: 'x'.repeat(60_000) }));
    await expectInactive(await introspect(a, { token: 'a.b\0.c' }));
    await expectInactive(await introspect(a, { token: 'a.b.c\n' }));
  });

  it('I-07: a hint changes nothing', async () => {
    const response = await server.requestToken(a);
    const { access_token, refresh_token } = (await response.json()) as Record<string, string>;
    for (const token of [access_token, refresh_token] as string[]) {
      const plain = await answerTo(a, token);
      expect(plain).toMatchObject({ active: true, client_id: a.client_id });
      for (const token_type_hint of ['access_token', 'refresh_token', 'foo']) {
        expect(await (await introspect(a, { token, token_type_hint })).json()).toEqual(plain);
      }
    }
  });
});

it('§2.2 an active token', async () => {
  const token = await server.tokenOf(a, { scope: 'read:profile', resource: apiA });
  const claims = claimsOf(token);
  const response = await introspect(a, { token });
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(response.headers.get('content-type')).toMatch(/^application\/json/);
  expect(await response.json()).toEqual({
    active: true,
    token_type: 'Bearer',
    iss: server.issuer,
    sub: a.client_id,
    client_id: a.client_id,
    aud: apiA,
    scope: 'read:profile',
    iat: claims['iat'],
    exp: claims['exp'],
    jti: claims['jti'],
  });
});

describe('I-01: who does not authenticate', () => {
  it('learns nothing, and the token lives on', async () => {
    const token = await server.tokenOf(a);
    const { response, entry } = await ledger.refused(
      () => introspect({ ...a, client_secret: 'wrong' }, { token }),
      [token, a.client_secret],
    );
    await expectInvalidClient(response);
    expect(entry).toMatchObject({ action: 'token.introspection_denied', error: 'invalid_client' });
    await expectInvalidClient(await server.fetch(path, { method: 'POST', body: new URLSearchParams({ token }) }));
    const bearer = { authorization: `Bearer ${await server.adminToken()}` };
    const body = new URLSearchParams({ token });
    await expectInvalidClient(await server.fetch(path, { method: 'POST', headers: bearer, body }));
    expect(await answerTo(a, token)).toMatchObject({ active: true });
  });

  it('I-17: a client that has just been disabled', async () => {
    const asker = await server.createClient({ client_name: 'Asker', scope: 'oauth:introspect' });
    const token = await server.tokenOf(a);
    expect(await answerTo(asker, token)).toMatchObject({ active: true });
    await server.asAdmin('PATCH', `/admin/oauth/clients/${asker.client_id}`, { status: 'disabled' });
    await expectInvalidClient(await introspect(asker, { token }));
    await expectInvalidClient(await introspect(asker, { token: 'garbage' }));
  });
});

it('I-03: every token that is not active gets the same answer', async () => {
  const token = await server.tokenOf(a);
  const [header, payload, signature] = token.split('.') as [string, string, string];
  const claims = claimsOf(token);
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const contents = { clientId: a.client_id, audience: apiA, scope: ['read:profile'], issuedAt: now };
  const bad = {
    garbage: 'garbage',
    unknown: await signAsServer(server, contents),
    'of another issuer': await signAsServer(server, contents, { ...claims, iss: 'https://other.example' }),
    expired: await signAsServer(server, contents, { ...claims, iat: now - 700, exp: now - 100 }),
    'a longer life': await signAsServer(server, contents, { ...claims, exp: now + 1000 }),
    'alg none': `${encode({ alg: 'none', typ: 'at+jwt' })}.${payload}.`,
    'another header': `${encode({ alg: 'RS256', typ: 'JWT' })}.${payload}.${signature}`,
    'an altered claim': `${header}.${encode({ ...claims, scope: 'admin:full' })}.${signature}`,
    'another signature': `${header}.${payload}.${signature.split('').toReversed().join('')}`,
    'a refresh token that never was': 'signet_rt_abcdefgh_0000000000000000000000000000000000000000000000000',
  };
  for (const [name, candidate] of Object.entries(bad)) {
    const response = await introspect(auditor, { token: candidate });
    expect([name, response.status, await response.text()]).toEqual([name, 200, '{"active":false}']);
  }
  expect(await answerTo(auditor, token)).toMatchObject({ active: true });
});

describe('I-05: answers differ by who asks', () => {
  it.each([
    ['for the API that the asker serves', [apiA], true],
    ['for another API', [apiB], false],
    ['for both', [apiA, apiB], true],
  ])('a token %s', async (_, resources, active) => {
    const form = resources.map((resource): [string, string] => ['resource', resource]);
    const token = await server.tokenOf(a, form);
    expect(await answerTo(resourceServer, token)).toMatchObject({ active });
    expect(await answerTo(auditor, token)).toMatchObject({ active: true });
    expect(await answerTo(server.admin, token)).toMatchObject({ active: true });
    expect(await answerTo(a, token)).toMatchObject({ active: true });
  });

  it('a refresh token is told to its client and to who may know all', async () => {
    const { refresh_token: token } = (await (await server.requestToken(a)).json()) as { refresh_token: string };
    expect(await answerTo(a, token)).toEqual({
      active: true,
      token_type: 'refresh_token',
      iss: server.issuer,
      sub: a.client_id,
      client_id: a.client_id,
      aud: expect.anything(),
      scope: expect.any(String),
      iat: expect.any(Number),
      exp: expect.any(Number),
      jti: token.split('_')[2],
    });
    expect(await answerTo(auditor, token)).toMatchObject({ active: true, client_id: a.client_id });
    expect(await answerTo(resourceServer, token)).toEqual({ active: false });
  });
});
