/**
 * RFC 8414, OAuth 2.0 Authorization Server Metadata.
 *
 * | section | requirement | test |
 * |---|---|---|
 * | §2 | issuer, token_endpoint, jwks_uri, response_types_supported | members |
 * | §2 | grant_types_supported and token_endpoint_auth_methods_supported, as the defaults are others | members, every one works |
 * | §2 | scopes_supported | scopes |
 * | §2 | members without a value are omitted | members |
 * | §3, §3.1 | GET at /.well-known/oauth-authorization-server | request |
 * | §3.2 | 200, application/json, a JSON object | request |
 * | §3.3 | issuer is that of the request | issuer |
 * | §6.2 | no URL but those of the configured issuer | nothing of the request shows |
 */
import { calculateJwkThumbprint } from 'jose';
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
    grant_types_supported: ['client_credentials'],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
  });
});

it('§2 every one works', async () => {
  const document = await metadata();
  const client = await server.createClient({ client_name: 'C' });
  const request = (init: { headers?: Record<string, string>; form?: Record<string, string> }, grant_type: string) =>
    fetch(document.token_endpoint, {
      method: 'POST',
      headers: init.headers ?? {},
      body: new URLSearchParams({ grant_type, ...init.form }),
    });
  const { client_id, client_secret } = client;
  const methods: Record<string, Parameters<typeof request>[0]> = {
    client_secret_basic: { headers: { authorization: basic(client) } },
    client_secret_post: { form: { client_id, client_secret } },
  };
  for (const grantType of document.grant_types_supported) {
    for (const method of document.token_endpoint_auth_methods_supported) {
      expect((await request(methods[method] ?? {}, grantType)).status).toBe(200);
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
