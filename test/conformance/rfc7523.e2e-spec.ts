/**
 * RFC 7523, JWT Profile for OAuth 2.0 Client Authentication, with the audience of rfc7523bis.
 *
 * | section | requirement | test |
 * |---|---|---|
 * | §2.2; RFC 7521 §4.2 | `client_assertion_type`, `client_assertion`, each once | §2.2 "parameters" |
 * | §2.2; RFC 7521 §4.2 | `client_id` is optional and must not contradict | §2.2 "client_id" |
 * | §3 item 1, 2 | `iss` and `sub` are the client | §3 "iss and sub" |
 * | §3 item 3 (bis) | `aud` is the issuer and nothing else, as a string | §3 "aud"; attacks J-01, J-03 |
 * | §3 item 4 | `exp` is required and bounded | §3 "exp"; attacks J-09 |
 * | §3 item 5, 6 | `nbf`, `iat` | §3 "nbf and iat" |
 * | §3 item 7 | `jti`, used once | §3 "jti"; attacks J-05, J-07 |
 * | §3 item 8 | other claims are let pass | §3 "other claims" |
 * | §3 item 9, 10; RFC 8725 | signed with a key of the client | §3 "signature"; attacks J-13 to J-19 |
 * | §3.2 | `invalid_client` | §3; attacks |
 * | §5; RFC 7591 §2 | algorithms; `jwks` and `jwks_uri` | §5; attacks J-23 |
 * | §2.1 | as an authorization grant | not offered yet: "§2.1" |
 * | bis §8, RFC 8725 §3.11 | explicit type | bis "typ" |
 * | RFC 8414 §2 | metadata | "metadata" |
 */
import { decodeJwt } from 'jose';
import {
  type AssertionMembers,
  assertionOf,
  jwtBearer,
  type KeyedClient,
  keyedClient,
  requestWith,
} from '../support/client-assertion.js';
import { expectInvalidClient, expectOAuthError } from '../support/refusal.js';
import { basic, type Credentials, startServer, type TestServer } from '../support/server.js';

let server: TestServer;
let k: KeyedClient;
let other: KeyedClient;
let a: Credentials;

beforeAll(async () => {
  server = await startServer();
  k = await keyedClient(server);
  other = await keyedClient(server, 'ES256');
  a = await server.createClient({ client_name: 'A', scope: 'read:profile' });
});

afterAll(() => server?.stop());

const now = () => Math.floor(Date.now() / 1000);

function send(members: AssertionMembers = {}, parameters: Record<string, string> = {}): Promise<Response> {
  return requestWith(server, assertionOf(k, server.issuer, members), parameters);
}

/** Sends what belongs into the form, an assertion that is right included. */
function post(parameters: [string, string][], headers: Record<string, string> = {}): Promise<Response> {
  const body = new URLSearchParams([['grant_type', 'client_credentials'], ...parameters]);
  return server.fetch('/oauth/token', { method: 'POST', headers, body });
}

describe('§2.2', () => {
  it('an assertion authenticates the client', async () => {
    const response = await send();
    expect(response.status).toBe(200);
    const { access_token } = (await response.json()) as { access_token: string };
    expect(decodeJwt(access_token)).toMatchObject({ sub: k.client_id, client_id: k.client_id, scope: 'read:profile' });
  });

  it('client_id may stand beside it, and must be the same', async () => {
    expect((await send({}, { client_id: k.client_id })).status).toBe(200);
    expect((await send({}, { client_id: '' })).status).toBe(200);
    await expectOAuthError(await send({}, { client_id: other.client_id }), 400, 'invalid_request');
  });

  it('parameters: both, each once, and no other credentials', async () => {
    const type: [string, string] = ['client_assertion_type', jwtBearer];
    const assertion = (): [string, string] => ['client_assertion', assertionOf(k, server.issuer)];
    for (const parameters of [
      [type],
      [assertion()],
      [type, type, assertion()],
      [type, assertion(), assertion()],
      [['client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:saml2-bearer'], assertion()],
      [type, assertion(), ['client_secret', 'x']],
    ] as [string, string][][]) {
      await expectOAuthError(await post(parameters), 400, 'invalid_request');
    }
    await expectOAuthError(await post([type, assertion()], { authorization: basic(a) }), 400, 'invalid_request');
  });

  it('a client authenticates with what it is registered for, and with nothing else', async () => {
    await expectInvalidClient(await server.requestToken({ client_id: k.client_id, client_secret: a.client_secret }));
    await expectInvalidClient(await post([['client_id', k.client_id]]));
    await expectInvalidClient(await requestWith(server, assertionOf({ ...k, client_id: a.client_id }, server.issuer)));
  });
});

describe('§3', () => {
  it('iss and sub are both the client', async () => {
    for (const claims of [
      { iss: other.client_id },
      { sub: other.client_id },
      { iss: other.client_id, sub: other.client_id },
      { iss: undefined },
      { sub: undefined },
      { iss: [k.client_id] },
      { iss: 'nobody', sub: 'nobody' },
    ]) {
      await expectInvalidClient(await send({ claims }));
    }
  });

  it('aud is the issuer', async () => {
    for (const aud of [
      [server.issuer],
      `${server.issuer}/oauth/token`,
      [server.issuer, `${server.issuer}/oauth/token`],
      k.client_id,
      [],
      undefined,
      { [server.issuer]: true },
    ]) {
      await expectInvalidClient(await send({ claims: { aud } }));
    }
  });

  it('exp is required, in the future, and at most five minutes away', async () => {
    expect((await send({ claims: { exp: now() + 295 } })).status).toBe(200);
    expect((await send({ claims: { exp: now() - 5, iat: now() - 60 } })).status).toBe(200);
    for (const exp of [undefined, now() - 20, now() + 320, now() + 86_400, String(now() + 60)]) {
      await expectInvalidClient(await send({ claims: { exp } }));
    }
  });

  it('nbf and iat are optional, and not in the future', async () => {
    expect((await send({ claims: { iat: undefined } })).status).toBe(200);
    expect((await send({ claims: { nbf: now() + 5, iat: now() + 5 } })).status).toBe(200);
    for (const claims of [{ nbf: now() + 30 }, { iat: now() + 30 }, { iat: 'now' }, { iat: now() - 600 }]) {
      await expectInvalidClient(await send({ claims }));
    }
  });

  it('jti is required, and used once', async () => {
    await expectInvalidClient(await send({ claims: { jti: undefined } }));
    const assertion = assertionOf(k, server.issuer);
    expect((await requestWith(server, assertion)).status).toBe(200);
    await expectInvalidClient(await requestWith(server, assertion));
    const { jti } = decodeJwt(assertion);
    await expectInvalidClient(await send({ claims: { jti, exp: now() + 200 } }));
  });

  it('other claims are let pass', async () => {
    expect((await send({ claims: { scope: 'admin:full', role: { a: [1, null] } } })).status).toBe(200);
  });

  it('signature: of a key that the client has registered', async () => {
    await expectInvalidClient(await requestWith(server, assertionOf({ ...k, key: other.key }, server.issuer)));
    await expectInvalidClient(await send({ header: { kid: other.jwk['kid'] } }));
    const [head = '', body = ''] = assertionOf(k, server.issuer).split('.');
    await expectInvalidClient(await requestWith(server, `${head}.${body}.`));
    await expectInvalidClient(await requestWith(server, `${head}.${body}`));
    const foreign = assertionOf(k, server.issuer).split('.')[2] ?? '';
    await expectInvalidClient(await requestWith(server, `${head}.${body}.${foreign}`));
  });
});

describe('bis', () => {
  it('typ: of a client assertion, or none', async () => {
    for (const typ of ['JWT', 'client-authentication+jwt', undefined]) {
      expect((await send({ header: { typ } })).status).toBe(200);
    }
    for (const typ of ['at+jwt', 'dpop+jwt', 'JOSE', 'secevent+jwt', 1]) {
      await expectInvalidClient(await send({ header: { typ } }));
    }
  });
});

describe('§5', () => {
  it.each(['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519'] as const)('%s', async (algorithm) => {
    const client = await keyedClient(server, algorithm);
    expect((await requestWith(server, assertionOf(client, server.issuer))).status).toBe(200);
  });

  it('several keys: kid names one, without it any will do, and a change counts at once', async () => {
    const client = await keyedClient(server);
    const path = `/admin/oauth/clients/${client.client_id}`;
    await server.asAdmin('PATCH', path, { jwks: { keys: [other.jwk, client.jwk] } });
    const next = { ...other, client_id: client.client_id };
    for (const members of [{}, { header: { kid: undefined } }]) {
      expect((await requestWith(server, assertionOf(client, server.issuer, members))).status).toBe(200);
      expect((await requestWith(server, assertionOf(next, server.issuer, members))).status).toBe(200);
    }
    await server.asAdmin('PATCH', path, { jwks: { keys: [other.jwk] } });
    await expectInvalidClient(await requestWith(server, assertionOf(client, server.issuer)));
    expect((await requestWith(server, assertionOf(next, server.issuer))).status).toBe(200);
  });
});

it('§2.1 an assertion is no grant here', async () => {
  const response = await requestWith(server, assertionOf(k, server.issuer), {
    grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
    assertion: assertionOf(k, server.issuer),
  });
  await expectOAuthError(response, 400, 'unsupported_grant_type');
});

it('metadata', async () => {
  const metadata = (await (await server.fetch('/.well-known/oauth-authorization-server')).json()) as object;
  expect(metadata).toMatchObject({
    token_endpoint_auth_methods_supported: expect.arrayContaining(['private_key_jwt']),
    token_endpoint_auth_signing_alg_values_supported: expect.arrayContaining(['RS256', 'PS256', 'ES256', 'EdDSA']),
  });
});
