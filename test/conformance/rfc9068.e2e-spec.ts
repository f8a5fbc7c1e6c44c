/**
 * RFC 9068, JSON Web Token (JWT) Profile for OAuth 2.0 Access Tokens.
 *
 * | section | requirement | test |
 * |---|---|---|
 * | §2.1 | signed, never "none"; RS256 MUST be supported | signature |
 * | §2.1 | typ: at+jwt | header |
 * | §2.2 | iss, exp, aud, sub, client_id, iat, jti REQUIRED | claims |
 * | §2.2 | sub is the client where there is no resource owner | claims |
 * | §2.2.3 | scope as in RFC 8693 §4.2 | scope |
 * | §3 | aud from the resource parameter, else a default; scope fits aud | audience |
 * | §4 | typ, iss, aud, alg, exp are checked by resource servers | this server as a resource server; test/e2e/bearer |
 * | §4 | keys come from the metadata of the authorization server | signature |
 * | §5, §6 | no other audience, no secrets | nothing else inside |
 */
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { expectBadToken } from '../support/refusal.js';
import { type Credentials, startServer, type TestServer } from '../support/server.js';

let server: TestServer;
let client: Credentials;
let token: string;

beforeAll(async () => {
  server = await startServer();
  client = await server.createClient({
    client_name: 'C',
    scope: 'read:profile read:features',
    audience: ['https://api.a', 'https://api.b'],
    contacts: ['ops@example.com'],
  });
  token = await server.tokenOf(client, { resource: 'https://api.a', scope: 'read:profile' });
});

afterAll(() => server?.stop());

/** Verifies as a resource server does that knows the issuer only. */
async function verify(jwt: string, audience = 'https://api.a') {
  const metadata = (await (await server.fetch('/.well-known/oauth-authorization-server')).json()) as {
    issuer: string;
    jwks_uri: string;
  };
  return jwtVerify(jwt, createRemoteJWKSet(new URL(metadata.jwks_uri)), {
    issuer: metadata.issuer,
    audience,
    typ: 'at+jwt',
    algorithms: ['RS256'],
  });
}

it('§2.1 header', () => {
  expect(decodeProtectedHeader(token)).toEqual({ alg: 'RS256', typ: 'at+jwt', kid: expect.any(String) });
});

describe('§2.1, §4 signature', () => {
  it('verifies with the keys that the metadata leads to', async () => {
    const { payload } = await verify(token);
    expect(payload).toEqual(decodeJwt(token));
  });

  it('altered, for another audience, or cut: does not', async () => {
    const [header = '', payload = '', signature = ''] = token.split('.');
    const forged = Buffer.from(JSON.stringify({ ...decodeJwt(token), scope: 'admin:full' })).toString('base64url');
    await expect(verify(`${header}.${forged}.${signature}`)).rejects.toThrow();
    await expect(verify(`${header}.${payload}.`)).rejects.toThrow();
    await expect(verify(token, 'https://api.b')).rejects.toThrow();
  });
});

it('§2.2 claims', () => {
  const claims = decodeJwt(token);
  expect(claims).toEqual({
    iss: server.issuer,
    sub: client.client_id,
    client_id: client.client_id,
    aud: 'https://api.a',
    iat: expect.any(Number),
    exp: (claims.iat ?? 0) + 600,
    jti: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
    scope: 'read:profile',
  });
  expect(Number.isInteger(claims.iat)).toBe(true);
  expect(Math.abs((claims.iat ?? 0) - Date.now() / 1000)).toBeLessThan(60);
});

it('§2.2 jti: none is given twice', async () => {
  const tokens = await Promise.all(Array.from({ length: 50 }, () => server.tokenOf(client)));
  expect(new Set(tokens.map((jwt) => decodeJwt(jwt).jti)).size).toBe(50);
});

it('§2.2.3 scope', async () => {
  expect(decodeJwt(await server.tokenOf(client))['scope']).toBe('read:profile read:features');
});

it('§3 audience', async () => {
  expect(decodeJwt(await server.tokenOf(client)).aud).toEqual(['https://api.a', 'https://api.b']);
  expect(decodeJwt(await server.tokenOf(client, { resource: 'https://api.b' })).aud).toBe('https://api.b');
  const plain = await server.createClient({ client_name: 'P', scope: 'read:profile' });
  expect(decodeJwt(await server.tokenOf(plain)).aud).toBe(server.issuer);
});

it('§4 this server as a resource server refuses a token for another one', async () => {
  const headers = { authorization: `Bearer ${token}` };
  await expectBadToken(await server.fetch('/admin/oauth/clients', { headers }));
});

it('§5, §6 nothing else inside', () => {
  const clear = token
    .split('.')
    .slice(0, 2)
    .map((part) => Buffer.from(part, 'base64url').toString());
  expect(clear.join()).not.toMatch(/ops@example\.com|signet_cs_|client_name/);
  expect(clear.join()).not.toContain(client.client_secret);
});
