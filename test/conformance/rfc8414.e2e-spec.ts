/**
 * RFC 8414, OAuth 2.0 Authorization Server Metadata.
 *
 * | section | requirement | test |
 * |---|---|---|
 * | §2 | issuer, token_endpoint, jwks_uri, response_types_supported | members |
 * | §2 | introspection_endpoint, revocation_endpoint | members, rfc7662, rfc7009 |
 * | §2 | grant_types_supported and token_endpoint_auth_methods_supported, as the defaults are others | members, every one works |
 * | §2 | the algorithms of assertions; the methods of introspection and revocation | members, rfc7523 |
 * | RFC 8705 §3.3, RFC 9449 §5.1 | what is bound to what | members, with a trusted proxy |
 * | §2 | scopes_supported | scopes |
 * | §2 | members without a value are omitted | members |
 * | §3, §3.1 | GET at /.well-known/oauth-authorization-server | request |
 * | §3.2 | 200, application/json, a JSON object | request |
 * | §3.3 | issuer is that of the request | issuer |
 * | §6.2 | no URL but those of the configured issuer | nothing of the request shows |
 */
import { randomUUID } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { rawRequest } from '../support/raw-http.js';
import { expectProblem } from '../support/refusal.js';
import { basic, startServer, type TestServer } from '../support/server.js';

const path = '/.well-known/oauth-authorization-server';

interface Metadata {
  readonly issuer: string;
  readonly token_endpoint: string;
  readonly jwks_uri: string;
  readonly scopes_supported: readonly string[];
  readonly response_types_supported: readonly string[];
  readonly grant_types_supported: readonly string[];
  readonly token_endpoint_auth_methods_supported: readonly string[];
}

const methods = ['client_secret_basic', 'client_secret_post', 'private_key_jwt'];
const algorithms = ['ES256', 'RS256', 'PS256', 'EdDSA', 'Ed25519'];

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});

afterAll(() => server?.stop());

async function metadata(): Promise<Metadata> {
  const response = await server.fetch(path);
  expect(response.status).toBe(200);
  return (await response.json()) as Metadata;
}

it('§2 members', async () => {
  expect(await metadata()).toEqual({
    issuer: server.issuer,
    token_endpoint: `${server.issuer}/oauth/token`,
    jwks_uri: `${server.issuer}/.well-known/jwks.json`,
    scopes_supported: expect.arrayContaining(['admin:full', 'read:profile', 'manage:*', 'oauth:introspect']),
    response_types_supported: [],
    grant_types_supported: ['client_credentials', 'refresh_token'],
    token_endpoint_auth_methods_supported: methods,
    token_endpoint_auth_signing_alg_values_supported: algorithms,
    introspection_endpoint: `${server.issuer}/oauth/introspect`,
    introspection_endpoint_auth_methods_supported: methods,
    introspection_endpoint_auth_signing_alg_values_supported: algorithms,
    revocation_endpoint: `${server.issuer}/oauth/revoke`,
    revocation_endpoint_auth_methods_supported: methods,
    revocation_endpoint_auth_signing_alg_values_supported: algorithms,
    dpop_signing_alg_values_supported: algorithms,
  });
});

it('§2 with a trusted proxy, client certificates work too', async () => {
  const behind = await startServer({ beside: server, env: { TRUST_PROXY: '127.0.0.1' } });
  try {
    expect(await (await behind.fetch(path)).json()).toMatchObject({
      token_endpoint_auth_methods_supported: [...methods, 'tls_client_auth', 'self_signed_tls_client_auth'],
      tls_client_certificate_bound_access_tokens: true,
    });
  } finally {
    await behind.stop();
  }
});

it('§2 every one works', async () => {
  const document = await metadata();
  const grant_types = ['client_credentials', 'refresh_token'];
  const client = await server.createClient({ client_name: 'C', grant_types });
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const keyClient = await server.createClient({
    client_name: 'K',
    grant_types,
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: { keys: [await exportJWK(publicKey)] },
  });
  const assertion = () =>
    new SignJWT({ jti: randomUUID() })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer(keyClient.client_id)
      .setSubject(keyClient.client_id)
      .setAudience(document.issuer)
      .setExpirationTime('1m')
      .sign(privateKey);
  const { client_id, client_secret } = client;
  const ways: Record<string, () => Promise<{ headers?: Record<string, string>; form?: Record<string, string> }>> = {
    client_secret_basic: async () => ({ headers: { authorization: basic(client) } }),
    client_secret_post: async () => ({ form: { client_id, client_secret } }),
    private_key_jwt: async () => ({
      form: {
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await assertion(),
      },
    }),
  };
  for (const method of document.token_endpoint_auth_methods_supported) {
    let refresh_token: string | undefined;
    for (const grant_type of document.grant_types_supported) {
      const { headers = {}, form = {} } = (await ways[method]?.()) ?? {};
      const parameters = { grant_type, ...form, ...(refresh_token === undefined ? {} : { refresh_token }) };
      const init = { method: 'POST', headers, body: new URLSearchParams(parameters) };
      const response = await fetch(document.token_endpoint, init);
      expect([method, grant_type, response.status]).toEqual([method, grant_type, 200]);
      ({ refresh_token } = (await response.json()) as { refresh_token: string });
    }
  }
  const { keys } = (await (await fetch(document.jwks_uri)).json()) as { keys: Record<string, string>[] };
  for (const key of keys) {
    expect(key).toMatchObject({ use: 'sig', alg: 'RS256', kty: 'RSA', e: 'AQAB' });
    expect(key['kid']).toBe(await calculateJwkThumbprint(key));
    expect(Object.keys(key).toSorted()).toEqual(['alg', 'e', 'kid', 'kty', 'n', 'use']);
  }
});

it('§2 scopes come and go with the registry', async () => {
  const name = 'manage:rfc8414';
  expect((await metadata()).scopes_supported).not.toContain(name);
  expect((await server.asAdmin('POST', '/admin/oauth/scopes', { name })).status).toBe(201);
  await eventually(async () => (await metadata()).scopes_supported.includes(name));
  expect((await server.asAdmin('DELETE', `/admin/oauth/scopes/${name}`)).status).toBe(204);
  await eventually(async () => !(await metadata()).scopes_supported.includes(name));
});

/** Tries again until it is so; the time-out of the test ends it. */
async function eventually(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 100));
}

describe('§3 request', () => {
  it('§3.2 a JSON object, for everybody, to be kept a while', async () => {
    const response = await server.fetch(path);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(response.headers.get('cache-control')).toMatch(/^public, max-age=\d+$/);
  });

  it('the same document for those who know OpenID Connect Discovery only', async () => {
    const other = await server.fetch('/.well-known/openid-configuration');
    expect(await other.json()).toEqual(await metadata());
  });

  it.each(['POST', 'PUT', 'DELETE'])('%s is refused', async (method) => {
    const response = await server.fetch(path, { method });
    await expectProblem(response, 405);
    expect(response.headers.get('allow')).toBe('GET, HEAD');
  });

  it('a longer path is another one', async () => {
    await expectProblem(await server.fetch(`${path}/tenant`), 404);
  });
});

it('§3.3, §6.2 nothing of the request shows', async () => {
  const response = await rawRequest(server.issuer, [
    `GET ${path}?issuer=https://evil.example HTTP/1.1`,
    'Host: evil.example',
    'X-Forwarded-Host: evil.example',
    'X-Forwarded-Proto: https',
    'Forwarded: host=evil.example;proto=https',
  ]);
  const text = await response.text();
  expect(JSON.parse(text)).toMatchObject({ issuer: server.issuer });
  expect(text).not.toContain('evil');
});
