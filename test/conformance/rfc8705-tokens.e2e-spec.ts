/**
 * RFC 8705, OAuth 2.0 Mutual-TLS Client Authentication and Certificate-Bound Access Tokens: §3, the tokens.
 *
 * | section | requirement | test |
 * |---|---|---|
 * | §3 | the token is bound to the certificate of the request | §3.1 |
 * | §3 | whoever uses it must show that certificate, or gets 401 `invalid_token` | §3 "at the protected resource" |
 * | §3.1 | `cnf` with `x5t#S256` | §3.1 |
 * | §3.2 | introspection tells `cnf` | §3.2 |
 * | §3.3, §3.4 | metadata of the server and of the client | §3.4; rfc8414 |
 * | §4 | refresh tokens | e2e/refresh-binding |
 * | §6.2 | certificates of a header that anybody may send count for nothing | §6.2 |
 */
import { decodeJwt } from 'jose';
import { byteSequence, certificateOne, certificateTwo } from '../support/certificates.js';
import { expectBadToken, expectOAuthError } from '../support/refusal.js';
import { basic, type Credentials, startServer, type TestServer } from '../support/server.js';

type Headers = Record<string, string>;

const one: Headers = { 'client-cert': byteSequence(certificateOne) };
const two: Headers = { 'client-cert': byteSequence(certificateTwo) };

let server: TestServer;
/** Trusts no proxy. */
let direct: TestServer;
let client: Credentials;

beforeAll(async () => {
  server = await startServer({ env: { TRUST_PROXY: '127.0.0.1' } });
  direct = await startServer({ beside: server, env: { TRUST_PROXY: '' } });
  client = await server.createClient({
    client_name: 'Bound',
    scope: 'admin:oauth',
    tls_client_certificate_bound_access_tokens: true,
  });
});

afterAll(async () => {
  await direct?.stop();
  await server?.stop();
});

function requestToken(headers: Headers, at = server): Promise<Response> {
  const body = new URLSearchParams({ grant_type: 'client_credentials' });
  return at.fetch('/oauth/token', { method: 'POST', headers: { authorization: basic(client), ...headers }, body });
}

async function boundToken(): Promise<string> {
  const response = await requestToken(one);
  expect(response.status).toBe(200);
  const answer = (await response.json()) as { access_token: string; token_type: string };
  expect(answer.token_type).toBe('Bearer');
  return answer.access_token;
}

const use = (token: string, headers: Headers, at = server) =>
  at.fetch('/admin/oauth/scopes', { headers: { authorization: `Bearer ${token}`, ...headers } });

it('§3.1 the token carries the hash of the certificate', async () => {
  expect(decodeJwt(await boundToken())['cnf']).toEqual({ 'x5t#S256': certificateOne.thumbprint });
});

it('§3.2 introspection tells it', async () => {
  const body = new URLSearchParams({ token: await boundToken() });
  const headers = { authorization: basic(client) };
  const response = await server.fetch('/oauth/introspect', { method: 'POST', headers, body });
  expect(await response.json()).toMatchObject({
    active: true,
    token_type: 'Bearer',
    cnf: { 'x5t#S256': certificateOne.thumbprint },
  });
});

it('§3 at the protected resource: with the certificate, and with no other', async () => {
  const token = await boundToken();
  expect((await use(token, one)).status).toBe(200);
  await expectBadToken(await use(token, two));
  await expectBadToken(await use(token, {}));
});

it('§3.4 a client that must have bound tokens gets no other', async () => {
  await expectOAuthError(await requestToken({}), 400, 'invalid_request');
});

it('§3.4 a client that need not have them gets an unbound one, certificate or not', async () => {
  const plain = await server.createClient({ client_name: 'Plain', scope: 'admin:oauth' });
  const headers = { authorization: basic(plain), ...one };
  const body = new URLSearchParams({ grant_type: 'client_credentials' });
  const response = await server.fetch('/oauth/token', { method: 'POST', headers, body });
  const { access_token } = (await response.json()) as { access_token: string };
  expect(decodeJwt(access_token)).not.toHaveProperty('cnf');
  expect((await use(access_token, {})).status).toBe(200);
});

it('§6.2 without a trusted proxy the header counts for nothing', async () => {
  await expectOAuthError(await requestToken(one, direct), 400, 'invalid_request');
  await expectBadToken(await use(await boundToken(), one, direct));
});
