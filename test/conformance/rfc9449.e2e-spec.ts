/**
 * RFC 9449, OAuth 2.0 Demonstrating Proof of Possession (DPoP).
 *
 * | section | requirement | test |
 * |---|---|---|
 * | §4.2, §4.3 | a proof stands every check, at the token endpoint | J-27; src/protocol/oauth/dpop-proof.spec.ts |
 * | §4.3 | the same at a protected resource, with `ath` | dpop-api J-27 |
 * | §5 | a proof binds the token: `token_type` DPoP | §5 |
 * | §5 | refresh with a proof; a client that must send one | §5 "refresh", J-29 |
 * | §5.1 | `dpop_signing_alg_values_supported` | §5.1 |
 * | §5.2 | `dpop_bound_access_tokens` | §5 "a client that must", J-27 "missing" |
 * | §6.1 | `cnf.jkt` of a JWT | §6 |
 * | §6.2 | `cnf.jkt` at introspection | §6 |
 * | §7.1 | the scheme DPoP, its challenge | dpop-api "RFC 9449 §7.1" |
 * | §7.2 | a bound token is no bearer token | §6; dpop-api "RFC 9449 §7.2" |
 * | §8 | `use_dpop_nonce`, `DPoP-Nonce` of the authorization server | §8 |
 * | §8.2, §9 | a new nonce with every answer; of a protected resource | §8; dpop-api "RFC 9449 §8" |
 * | §11.1 | a proof is used once | §11.1; races.e2e-spec.ts; dpop-api Z-09 |
 */
import { decodeJwt } from 'jose';
import { dpopProof, proofKey, type ProofKey, type ProofMembers, tokenHash } from '../support/dpop.js';
import { rawRequest } from '../support/raw-http.js';
import { expectBadToken, expectOAuthError, Ledger } from '../support/refusal.js';
import { basic, type Credentials, startServer, type TestServer } from '../support/server.js';

interface TokenAnswer {
  readonly access_token: string;
  readonly token_type: string;
  readonly refresh_token?: string;
}

const endpoint = '/oauth/token';
const key = proofKey();
const otherKey = proofKey();

let server: TestServer;
let second: TestServer;
let ledger: Ledger;
/** A client whose tokens must be bound. */
let d: Credentials;
/** A client that may come without a proof. */
let a: Credentials;

beforeAll(async () => {
  server = await startServer();
  second = await startServer({ beside: server });
  ledger = await Ledger.open(server, second);
  const grants = { grant_types: ['client_credentials', 'refresh_token'], scope: 'admin:oauth' };
  d = await server.createClient({ client_name: 'D', dpop_bound_access_tokens: true, ...grants });
  a = await server.createClient({ client_name: 'A', ...grants });
});

afterAll(async () => {
  await ledger?.close();
  await second?.stop();
  await server?.stop();
});

function proof(members: ProofMembers = {}, by: ProofKey = key): string {
  return dpopProof(by, 'POST', `${server.issuer}${endpoint}`, members);
}

function ask(client: Credentials, dpop?: string, form: Record<string, string> = {}, to = server): Promise<Response> {
  const headers: Record<string, string> = { authorization: basic(client) };
  if (dpop !== undefined) headers['dpop'] = dpop;
  const body = new URLSearchParams({ grant_type: 'client_credentials', ...form });
  return to.fetch(endpoint, { method: 'POST', headers, body });
}

async function answerOf(response: Response): Promise<TokenAnswer> {
  expect(response.status).toBe(200);
  return (await response.json()) as TokenAnswer;
}

/** Uses a token at this server's own API. */
function use(scheme: string, token: string, by: ProofKey = key): Promise<Response> {
  const path = '/admin/oauth/clients';
  const dpop = dpopProof(by, 'GET', `${server.issuer}${path}`, { claims: { ath: tokenHash(token) } });
  return server.fetch(path, { headers: { authorization: `${scheme} ${token}`, dpop } });
}

async function refused(dpop: string | undefined, client = d): Promise<void> {
  const secrets = dpop?.split('.').slice(1) ?? [];
  const { response, entry } = await ledger.refused(() => ask(client, dpop), secrets);
  await expectOAuthError(response, 400, 'invalid_dpop_proof');
  expect(entry).toMatchObject({
    action: 'token.denied',
    error: 'invalid_dpop_proof',
    actor_client_id: client.client_id,
  });
}

describe('§5 a token request with a proof', () => {
  it('of a client that must, and of one that may: the token is bound', async () => {
    for (const client of [d, a]) {
      const answer = await answerOf(await ask(client, proof()));
      expect(answer.token_type).toBe('DPoP');
      expect(decodeJwt(answer.access_token)['cnf']).toEqual({ jkt: key.jkt });
    }
  });

  it('a client that may, without one: a bearer token', async () => {
    const answer = await answerOf(await ask(a));
    expect(answer.token_type).toBe('Bearer');
    expect(decodeJwt(answer.access_token)).not.toHaveProperty('cnf');
  });

  it.each(['RS256', 'PS256', 'EdDSA', 'Ed25519'] as const)('a key for %s', async (algorithm) => {
    const by = proofKey(algorithm);
    const answer = await answerOf(await ask(d, proof({}, by)));
    expect(decodeJwt(answer.access_token)['cnf']).toEqual({ jkt: by.jkt });
  });

  it('refresh: the new token is bound to the key of the new proof', async () => {
    const first = await answerOf(await ask(d, proof()));
    const form = { grant_type: 'refresh_token', refresh_token: first.refresh_token ?? '' };
    const renewed = await answerOf(await ask(d, proof({}, otherKey), form));
    expect(renewed.token_type).toBe('DPoP');
    expect(decodeJwt(renewed.access_token)['cnf']).toEqual({ jkt: otherKey.jkt });
  });

  it('J-29: refresh without a proof renews nothing', async () => {
    const first = await answerOf(await ask(d, proof()));
    const form = { grant_type: 'refresh_token', refresh_token: first.refresh_token ?? '' };
    for (const dpop of [undefined, proof({ claims: { htm: 'GET' } })]) {
      const { response } = await ledger.refused(() => ask(d, dpop, form), [form.refresh_token]);
      await expectOAuthError(response, 400, 'invalid_dpop_proof');
    }
    await answerOf(await ask(d, proof(), form));
  });
});

describe('§5.1 metadata', () => {
  it('the algorithms of a proof', async () => {
    const metadata = (await (await server.fetch('/.well-known/oauth-authorization-server')).json()) as object;
    expect(metadata).toMatchObject({
      dpop_signing_alg_values_supported: ['ES256', 'RS256', 'PS256', 'EdDSA', 'Ed25519'],
    });
  });
});

describe('§6 a bound token', () => {
  it('opens only to its key, and only under its scheme', async () => {
    const { access_token: token } = await answerOf(await ask(d, proof()));
    expect((await use('DPoP', token)).status).toBe(200);
    expect((await use('DPoP', token, otherKey)).status).toBe(401);
    await expectBadToken(await use('Bearer', token));
  });

  it('tells its key at introspection', async () => {
    const { access_token: token } = await answerOf(await ask(d, proof()));
    const headers = { authorization: basic(d) };
    const body = new URLSearchParams({ token });
    const answer = await (await server.fetch('/oauth/introspect', { method: 'POST', headers, body })).json();
    expect(answer).toMatchObject({ active: true, token_type: 'DPoP', cnf: { jkt: key.jkt } });
  });
});

describe('J-27 no token for a proof that does not stand', () => {
  const now = Math.floor(Date.now() / 1000);

  it('missing', async () => {
    await refused(undefined);
    await refused('');
  });

  it('a client that may come without one must not come with a bad one', async () => {
    await refused('x', a);
    await refused(proof({ claims: { htm: 'GET' } }), a);
  });

  it('two of them', async () => {
    const body = 'grant_type=client_credentials';
    const lines = [
      ...[`POST ${endpoint} HTTP/1.1`, 'Host: x', `Authorization: ${basic(d)}`, `DPoP: ${proof()}`, `DPoP: ${proof()}`],
      ...['Content-Type: application/x-www-form-urlencoded', `Content-Length: ${body.length}`, 'Connection: close'],
    ];
    const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`, 'latin1');
    const { response } = await ledger.refused(() => rawRequest(server.issuer, bytes));
    await expectOAuthError(response, 400, 'invalid_dpop_proof');
  });

  it.each<[string, ProofMembers]>([
    ['typ JWT', { header: { typ: 'JWT' } }],
    ['alg HS256', { header: { alg: 'HS256' } }],
    ['alg none', { header: { alg: 'none' } }],
    ['a private key', { header: { jwk: key.privateKey.export({ format: 'jwk' }) } }],
    ['a key that did not sign', { header: { jwk: otherKey.jwk } }],
    ['htm GET', { claims: { htm: 'GET' } }],
    ['another host', { claims: { htu: `https://evil.example${endpoint}` } }],
    ['an object as htu', { claims: { htu: { href: 'x' } } }],
    ['two minutes old', { claims: { iat: now - 120 } }],
    ['two minutes ahead', { claims: { iat: now + 120 } }],
    ['no jti', { claims: { jti: undefined } }],
  ])('%s', async (_, members) => {
    await refused(proof(members));
  });

  it('another path, and another case of it', async () => {
    for (const path of ['/oauth/Token', '/oauth/introspect', '']) {
      await refused(proof({ claims: { htu: `${server.issuer}${path}` } }));
    }
  });
});

describe('§8 the nonce of this server', () => {
  it('comes with every answer to a proof, and is taken on either process', async () => {
    const granted = await ask(d, proof());
    const nonce = granted.headers.get('dpop-nonce');
    expect(nonce).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect((await ask(d, 'x')).headers.get('dpop-nonce')).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect((await ask(a)).headers.has('dpop-nonce')).toBe(false);
    expect((await ask(d, proof({ claims: { nonce } }), {}, second)).status).toBe(200);
  });

  it('another one is answered with use_dpop_nonce and the right one', async () => {
    const { response } = await ledger.refused(() => ask(d, proof({ claims: { nonce: 'another' } })));
    await expectOAuthError(response, 400, 'use_dpop_nonce');
    const nonce = response.headers.get('dpop-nonce');
    expect((await ask(d, proof({ claims: { nonce } }))).status).toBe(200);
  });

  it('DPOP_NONCE_REQUIRED: no token without', async () => {
    const strict = await startServer({ beside: server, env: { DPOP_NONCE_REQUIRED: 'true' } });
    try {
      const first = await ask(d, proof(), {}, strict);
      await expectOAuthError(first, 400, 'use_dpop_nonce');
      const claims = { nonce: first.headers.get('dpop-nonce') };
      expect((await ask(d, proof({ claims }), {}, strict)).status).toBe(200);
      await expectOAuthError(await ask(d, undefined, {}, strict), 400, 'invalid_dpop_proof');
      expect((await ask(a, undefined, {}, strict)).status).toBe(200);
    } finally {
      await strict.stop();
    }
  });
});

describe('§11.1 a proof is used once', () => {
  it('one after another, on either process', async () => {
    const dpop = proof();
    expect((await ask(d, dpop)).status).toBe(200);
    await refused(dpop);
    await expectOAuthError(await ask(d, dpop, {}, second), 400, 'invalid_dpop_proof');
  });

  it('fifty at once: one token', async () => {
    const [before] = await ledger.rows<{ n: number }>('SELECT count(*)::int AS n FROM access_tokens');
    const dpop = proof();
    const sent = Array.from({ length: 50 }, (_, index) => ask(d, dpop, {}, index % 2 === 0 ? server : second));
    const statuses = (await Promise.all(sent)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 400)).toHaveLength(49);
    const [after] = await ledger.rows<{ n: number }>('SELECT count(*)::int AS n FROM access_tokens');
    expect(after?.n).toBe((before?.n ?? 0) + 1);
  });
});
