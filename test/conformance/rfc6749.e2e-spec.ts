/**
 * RFC 6749, The OAuth 2.0 Authorization Framework: what concerns a server with the client credentials grant.
 *
 * | section | requirement | test |
 * |---|---|---|
 * | §2.3 | the client MUST NOT use more than one authentication method in each request | one method per request |
 * | §2.3.1 | identifier and secret are form-encoded, then sent by HTTP Basic | Basic, form-encoded halves |
 * | §2.3.1 | the server MAY take the credentials in the body, and only there, never in the URI | credentials in the body, credentials in the URI |
 * | §2.3.1 | the endpoint MUST be protected against brute force | test/e2e/attacks-client-authentication, "the budget of failures" |
 * | §3.2 | the client MUST use POST | POST only |
 * | §3.2 | parameters without a value are omitted, unknown ones ignored, repeated ones refused | parameters |
 * | §3.3 | scope = scope-token *( SP scope-token ), case-sensitive, order does not matter | scope ABNF, order, case |
 * | §3.3 | omitted: a default or an error; a different scope MUST be told | default scope, the answer tells the scope |
 * | §4.4 | client credentials only for confidential clients | clients without a secret |
 * | §4.4.2 | grant_type REQUIRED, scope OPTIONAL; the client MUST authenticate | request |
 * | §4.4.3 | a refresh token SHOULD NOT be included | no refresh token |
 * | §5.1 | access_token, token_type, expires_in, scope; JSON; no-store, no-cache | successful response |
 * | §5.2 | error codes, statuses, WWW-Authenticate, characters | error responses |
 * | §10.2 | a client that is not authenticated gets nothing | invalid_client |
 * | App. A.1, A.2 | client_id and client_secret are made of VSCHAR | identifiers beyond VSCHAR |
 * | App. B | application/x-www-form-urlencoded in UTF-8 | encoding |
 */
import { expectInvalidClient, expectOAuthError } from '../support/refusal.js';
import { basic, type Credentials, startServer, type TestServer } from '../support/server.js';

let server: TestServer;
let client: Credentials;

beforeAll(async () => {
  server = await startServer();
  client = await server.createClient({ client_name: 'C', scope: 'read:profile read:features' });
});

afterAll(() => server?.stop());

function post(form: Record<string, string> | [string, string][] | string, headers: Record<string, string> = {}) {
  const body = typeof form === 'string' ? form : new URLSearchParams(form).toString();
  const type = { 'content-type': 'application/x-www-form-urlencoded' };
  return server.fetch('/oauth/token', { method: 'POST', headers: { ...type, ...headers }, body });
}

function asClient(form: Record<string, string> | [string, string][] | string): Promise<Response> {
  return post(form, { authorization: basic(client) });
}

const grant = { grant_type: 'client_credentials' };

async function scopeOf(response: Response): Promise<string> {
  expect(response.status).toBe(200);
  return ((await response.json()) as { scope: string }).scope;
}

describe('§2.3 client authentication', () => {
  it('one method per request', async () => {
    const { client_id, client_secret } = client;
    const both = await post({ ...grant, client_id, client_secret }, { authorization: basic(client) });
    await expectOAuthError(both, 400, 'invalid_request');
  });

  it('Basic, form-encoded halves', async () => {
    const encode = (text: string) => text.replaceAll(/./g, (c) => `%${c.charCodeAt(0).toString(16)}`);
    const pair = `${encode(client.client_id)}:${encode(client.client_secret)}`;
    expect((await post(grant, { authorization: `Basic ${btoa(pair)}` })).status).toBe(200);
  });

  it('credentials in the body', async () => {
    const { client_id, client_secret } = client;
    expect((await post({ ...grant, client_id, client_secret })).status).toBe(200);
  });

  it('credentials in the URI are not read', async () => {
    const { client_id, client_secret } = client;
    const query = new URLSearchParams({ ...grant, client_id, client_secret });
    const body = new URLSearchParams(grant);
    await expectInvalidClient(await server.fetch(`/oauth/token?${query.toString()}`, { method: 'POST', body }));
  });
});

describe('§3.2 token endpoint', () => {
  it.each(['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('POST only: %s is refused', async (method) => {
    const response = await server.fetch('/oauth/token', { method });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('POST');
  });

  it('parameters without a value are omitted', async () => {
    expect(await scopeOf(await asClient({ ...grant, scope: '' }))).toBe('read:profile read:features');
    await expectOAuthError(await asClient({ grant_type: '' }), 400, 'invalid_request');
  });

  it('unknown parameters are ignored', async () => {
    expect((await asClient({ ...grant, foo: 'bar', code: 'x', redirect_uri: 'x', username: 'x' })).status).toBe(200);
  });

  it.each(['grant_type', 'scope', 'client_id'])('%s must not be repeated', async (name) => {
    const form = [...Object.entries(grant), ['scope', 'read:profile'], ['client_id', client.client_id]] as [
      string,
      string,
    ][];
    const value = form.find(([known]) => known === name)?.[1] ?? '';
    await expectOAuthError(await asClient([...form, [name, value]]), 400, 'invalid_request');
  });
});

describe('§3.3 scope', () => {
  it.each(['read:profile read:features', 'read:features read:profile', 'read:features'])('order: %p', async (scope) => {
    expect((await scopeOf(await asClient({ ...grant, scope }))).split(' ').toSorted()).toEqual(
      scope.split(' ').toSorted(),
    );
  });

  it.each(['READ:PROFILE', 'Read:profile'])('case: %p is another scope', async (scope) => {
    await expectOAuthError(await asClient({ ...grant, scope }), 400, 'invalid_scope');
  });

  it.each([
    ' ',
    ' read:profile',
    'read:profile ',
    'read:profile  read:features',
    'read:profile\tx',
    '"',
    '\\',
    'é',
    '\u007f',
    '\0',
  ])('ABNF: %p is malformed', async (scope) => {
    await expectOAuthError(await asClient({ ...grant, scope }), 400, 'invalid_scope');
  });

  it('the default is all that the client may have, and the answer tells it', async () => {
    expect(await scopeOf(await asClient(grant))).toBe('read:profile read:features');
  });

  it('nothing is dropped silently: what exceeds the client fails the request', async () => {
    await expectOAuthError(await asClient({ ...grant, scope: 'read:profile admin:full' }), 400, 'invalid_scope');
  });
});

describe('§4.4 client credentials grant', () => {
  it('is REQUIRED to say so', async () => {
    await expectOAuthError(await asClient({ scope: 'read:profile' }), 400, 'invalid_request');
  });

  it('the client MUST authenticate', async () => {
    await expectInvalidClient(await post(grant));
    await expectInvalidClient(await post({ ...grant, client_id: client.client_id }));
  });

  it('§4.4.3 no refresh token', async () => {
    expect(await (await asClient(grant)).json()).not.toHaveProperty('refresh_token');
  });
});

it('§5.1 successful response', async () => {
  const response = await asClient({ ...grant, scope: 'read:profile' });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toMatch(/^application\/json/);
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(response.headers.get('pragma')).toBe('no-cache');
  const { access_token, token_type, expires_in, scope, ...others } = (await response.json()) as Record<string, unknown>;
  expect(access_token).toMatch(/^[\x20-\x7e]+$/);
  expect(String(token_type).toLowerCase()).toBe('bearer');
  expect(Number.isSafeInteger(expires_in)).toBe(true);
  expect(scope).toBe('read:profile');
  expect(others).toEqual({});
});

describe('§5.2 error responses', () => {
  it('invalid_client: 401, and the challenge of the scheme that was used', async () => {
    for (const authorization of [
      basic({ ...client, client_secret: 'x' }),
      basic({ client_id: 'x', client_secret: 'x' }),
    ]) {
      await expectInvalidClient(await post(grant, { authorization }));
    }
    await expectInvalidClient(await post({ ...grant, client_id: client.client_id, client_secret: 'x' }));
  });

  it.each([
    ['invalid_request', {}],
    ['unsupported_grant_type', { grant_type: 'urn:example:tea' }],
    ['unsupported_grant_type', { grant_type: 'password', username: 'u', password: 'p' }],
    ['invalid_scope', { ...grant, scope: 'tea' }],
  ])('%s: 400 for %j', async (error, form) => {
    await expectOAuthError(await asClient(Object.entries(form)), 400, error);
  });

  it('what was sent never comes back, and no character that may not', async () => {
    for (const text of ['"\\<script>', 'é\u2028\u{1f511}', 'a\r\nSet-Cookie: x=y', client.client_secret]) {
      for (const form of [{ ...grant, scope: text }, { grant_type: text }, { ...grant, resource: text }]) {
        const response = await asClient(Object.entries(form));
        expect(response.status).toBe(400);
        expect(response.headers.has('set-cookie')).toBe(false);
        expect(await response.text()).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e"]*$/);
      }
    }
  });
});

it('App. A: identifiers beyond VSCHAR belong to nobody', async () => {
  for (const client_id of ['é', '\u007f', 'a\nb', '\0']) {
    await expectInvalidClient(await post(grant, { authorization: basic({ client_id, client_secret: 'x' }) }));
    await expectInvalidClient(await post({ ...grant, client_id, client_secret: 'x' }));
  }
});

describe('App. B encoding', () => {
  it('plus and %20 are the same blank, hexadecimal digits have no case', async () => {
    expect(await scopeOf(await asClient('grant_type=client%5fcredentials&scope=read%3Aprofile+read%3afeatures'))).toBe(
      'read:profile read:features',
    );
    expect(await scopeOf(await asClient('grant_type=client_credentials&scope=read:profile%20read:features'))).toBe(
      'read:profile read:features',
    );
  });

  it('what is no UTF-8 is refused', async () => {
    await expectOAuthError(await asClient('grant_type=client_credentials&x=%ff'), 400, 'invalid_request');
  });
});
