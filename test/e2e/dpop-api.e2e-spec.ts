/**
 * Bound access tokens at this server's own APIs: DPoP (RFC 9449 §7) and client certificates (RFC 8705 §3), with what J-27 and
 * Z-09 say of proofs, and K-15 of what else is bound or looks like it.
 */
import { byteSequence, certificateOne, certificateTwo, pemOf } from '../support/certificates.js';
import { dpopProof, jwsPart, proofKey, type ProofMembers, signParts, tokenHash } from '../support/dpop.js';
import { rawRequest } from '../support/raw-http.js';
import { expectBadToken, expectProblem, Ledger } from '../support/refusal.js';
import { type Credentials, startServer, type TestServer } from '../support/server.js';
import { signAgain } from '../support/server-tokens.js';

const path = '/admin/oauth/clients';
const algs = 'algs="ES256 RS256 PS256 EdDSA Ed25519"';
const key = proofKey();
const otherKey = proofKey();

let server: TestServer;
/** A second process on the same database, for the same issuer. */
let second: TestServer;
let ledger: Ledger;
let adm: Credentials;
/** A live token that is bound to nothing. */
let unbound: string;
/** The same, bound to `key`. */
let bound: string;

beforeAll(async () => {
  server = await startServer();
  second = await startServer({ beside: server });
  ledger = await Ledger.open(server);
  adm = await server.createClient({ client_name: 'ADM', scope: 'admin:full' });
  unbound = await server.tokenOf(adm);
  bound = await boundTo({ jkt: key.jkt });
});

afterAll(async () => {
  await ledger?.close();
  await second?.stop();
  await server?.stop();
});

function boundTo(cnf: unknown): Promise<string> {
  return signAgain(server, unbound, { cnf });
}

/** A proof for `GET` of the clients, with the hash of the bound token, but for what is given. */
function proof({ header = {}, claims = {} }: ProofMembers = {}, by = key): string {
  return dpopProof(by, 'GET', `${server.issuer}${path}`, { header, claims: { ath: tokenHash(bound), ...claims } });
}

interface Sent {
  readonly token?: string;
  readonly scheme?: string;
  readonly dpop?: string | undefined;
  readonly to?: TestServer;
  readonly at?: string;
  readonly method?: string;
}

function send({
  token = bound,
  scheme = 'DPoP',
  dpop,
  to = server,
  at = path,
  method = 'GET',
}: Sent): Promise<Response> {
  const headers: Record<string, string> = { authorization: `${scheme} ${token}` };
  if (dpop !== undefined) headers['dpop'] = dpop;
  return to.fetch(at, { method, headers });
}

/** Refused under the DPoP scheme, with one entry in the audit log and no other trace. */
async function refused(act: () => Promise<Response>, error: string, reason?: string): Promise<Response> {
  const { response, entry } = await ledger.refused(act, [bound.split('.')[2] ?? '-', unbound.split('.')[2] ?? '-']);
  await expectProblem(response, 401);
  const challenge = response.headers.get('www-authenticate') ?? '';
  expect(challenge).toMatch(new RegExp(`^DPoP error="${error}"(, error_description="[^"]+")?, ${algs}$`));
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(entry).toMatchObject({ action: 'access.denied', error: 'invalid_token', actor_client_id: null });
  if (reason !== undefined) expect(entry.details).toMatchObject({ reason });
  return response;
}

function refusedProof(dpop: string | undefined, reason: string): Promise<Response> {
  return refused(() => send({ dpop }), 'invalid_dpop_proof', reason);
}

describe('RFC 9449 §7.1 a bound token with a proof', () => {
  it.each(['DPoP', 'dpop', 'DPOP '])('is taken under the scheme %p', async (scheme) => {
    const response = await send({ scheme, dpop: proof() });
    expect(response.status).toBe(200);
    expect(response.headers.get('dpop-nonce')).toMatch(/^[A-Za-z0-9_-]{22}$/);
  });

  it('for each method and path that it was made for, whatever the query', async () => {
    const claims = { ath: tokenHash(bound) };
    const members = { client_name: 'made with a proof', scope: 'read:profile' };
    const created = await server.fetch(path, {
      method: 'POST',
      headers: {
        authorization: `DPoP ${bound}`,
        dpop: dpopProof(key, 'POST', `${server.issuer}${path}`, { claims }),
        'content-type': 'application/json',
      },
      body: JSON.stringify(members),
    });
    expect(created.status).toBe(201);
    const { client_id } = (await created.json()) as Credentials;
    const one = `${path}/${client_id}`;
    const get = dpopProof(key, 'GET', `${server.issuer}${path}`, { claims });
    expect((await send({ at: `${path}?limit=1`, dpop: get })).status).toBe(200);
    const remove = dpopProof(key, 'DELETE', `${server.issuer}${one}`, { claims });
    expect((await send({ at: one, method: 'DELETE', dpop: remove })).status).toBe(204);
  });

  it.each(['RS256', 'PS256', 'EdDSA', 'Ed25519'] as const)('with a key for %s', async (algorithm) => {
    const by = proofKey(algorithm);
    const token = await boundTo({ jkt: by.jkt });
    expect((await send({ token, dpop: proof({ claims: { ath: tokenHash(token) } }, by) })).status).toBe(200);
  });

  it('too little scope is told in the words of the scheme', async () => {
    const weak = await server.tokenOf(await server.createClient({ client_name: 'W', scope: 'read:profile' }));
    const token = await signAgain(server, weak, { cnf: { jkt: key.jkt } });
    const response = await send({ token, dpop: proof({ claims: { ath: tokenHash(token) } }) });
    await expectProblem(response, 403);
    expect(response.headers.get('www-authenticate')).toBe(
      `DPoP error="insufficient_scope", scope="admin:oauth", ${algs}`,
    );
  });
});

describe('RFC 9449 §7.2 the scheme must fit the token', () => {
  it('a bound token as Bearer, with and without its proof', async () => {
    for (const dpop of [undefined, proof()]) {
      const { response, entry } = await ledger.refused(() => send({ scheme: 'Bearer', dpop }));
      await expectBadToken(response);
      expect(response.headers.get('www-authenticate')).toBe(`Bearer error="invalid_token", DPoP ${algs}`);
      expect(entry.details).toMatchObject({ reason: 'bound_to_key' });
    }
  });

  it('a token that is not bound under DPoP', async () => {
    const dpop = proof({ claims: { ath: tokenHash(unbound) } });
    await refused(() => send({ token: unbound, dpop }), 'invalid_token', 'not_bound');
    await refused(() => send({ token: unbound }), 'invalid_token', 'not_bound');
  });

  it('a token that is not bound as Bearer, with a proof that nobody asked for', async () => {
    expect((await send({ token: unbound, scheme: 'Bearer', dpop: 'x' })).status).toBe(200);
  });

  it('no token, with a proof or without: the bare challenge', async () => {
    const response = await server.fetch(path, { headers: { dpop: proof() } });
    await expectProblem(response, 401);
    expect(response.headers.get('www-authenticate')).toBe('Bearer');
    expect(response.headers.get('dpop-nonce')).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect((await server.fetch(path)).headers.has('dpop-nonce')).toBe(false);
  });

  it.each<[string, () => string]>([
    ['no token', () => 'DPoP'],
    ['two tokens', () => `DPoP ${bound} ${bound}`],
    ['both schemes in one field', () => `DPoP ${bound}, Bearer ${unbound}`],
    ['garbage', () => 'DPoP garbage'],
    ['the proof', () => `DPoP ${proof()}`],
  ])('DPoP with %s', async (_, authorization) => {
    const lines = [`GET ${path} HTTP/1.1`, 'Host: x', `DPoP: ${proof()}`, `Authorization: ${authorization()}`];
    await refused(() => rawRequest(server.issuer, lines), 'invalid_token', 'unverifiable');
  });

  it('both schemes in two fields, whichever comes first', async () => {
    const fields = [`DPoP ${bound}`, `Bearer ${unbound}`];
    for (const values of [fields, fields.toReversed()]) {
      const lines = values.map((value) => `Authorization: ${value}`);
      const response = await rawRequest(server.issuer, [
        `GET ${path} HTTP/1.1`,
        'Host: x',
        `DPoP: ${proof()}`,
        ...lines,
      ]);
      await expectProblem(response, 401);
      expect(response.headers.get('www-authenticate')).toContain('error="invalid_token"');
    }
  });
});

describe('J-27 the proof', () => {
  it('is missing', async () => {
    await refusedProof(undefined, 'dpop_proof_missing');
    await refusedProof('', 'dpop_malformed');
  });

  it('is sent twice', async () => {
    const one = proof();
    for (const other of [one, proof()]) {
      const lines = [`Authorization: DPoP ${bound}`, `DPoP: ${one}`, `DPoP: ${other}`];
      const twice = () => rawRequest(server.issuer, [`GET ${path} HTTP/1.1`, 'Host: x', ...lines]);
      await refused(twice, 'invalid_dpop_proof', 'dpop_malformed');
    }
    await refusedProof(`${one}, ${proof()}`, 'dpop_malformed');
  });

  const now = Math.floor(Date.now() / 1000);

  it.each<[string, ProofMembers, string]>([
    ['another typ', { header: { typ: 'JWT' } }, 'dpop_type'],
    ['alg none', { header: { alg: 'none' } }, 'dpop_algorithm'],
    ['alg HS256', { header: { alg: 'HS256' } }, 'dpop_algorithm'],
    ['alg RS256 over an EC key', { header: { alg: 'RS256' } }, 'dpop_key'],
    ['a private key', { header: { jwk: key.privateKey.export({ format: 'jwk' }) } }, 'dpop_key'],
    ['a key that did not sign', { header: { jwk: otherKey.jwk } }, 'dpop_signature'],
    ['a critical member', { header: { crit: ['x'], x: 1 } }, 'dpop_header'],
    ['another method', { claims: { htm: 'POST' } }, 'dpop_method'],
    ['another host', { claims: { htu: `https://evil.example${path}` } }, 'dpop_uri'],
    ['an object as htu', { claims: { htu: { href: 'x' } } }, 'dpop_uri'],
    ['too old', { claims: { iat: now - 120 } }, 'dpop_time'],
    ['too new', { claims: { iat: now + 120 } }, 'dpop_time'],
    ['no jti', { claims: { jti: undefined } }, 'dpop_identifier'],
    ['no ath', { claims: { ath: undefined } }, 'dpop_token_hash'],
    ['ath of another token', { claims: { ath: tokenHash('another') } }, 'dpop_token_hash'],
  ])('%s', async (_, members, reason) => {
    await refusedProof(proof(members), reason);
  });

  it('is for another path, or for another case of it', async () => {
    for (const at of ['/', '/admin/oauth/scopes', path.toUpperCase(), `${path}/`, `/x/..${path}`]) {
      await refusedProof(proof({ claims: { htu: `${server.issuer}${at}` } }), 'dpop_uri');
    }
  });

  it('is altered', async () => {
    const [head, body, signature] = proof().split('.');
    const later = jwsPart({ htm: 'GET', htu: `${server.issuer}${path}`, jti: 'x', iat: now, ath: tokenHash(bound) });
    await refusedProof(`${head}.${later}.${signature}`, 'dpop_signature');
    await refusedProof(`${head}.${body}.`, 'dpop_malformed');
  });

  it('is of a key that the token is not bound to: the token is at fault', async () => {
    await refused(() => send({ dpop: proof({}, otherKey) }), 'invalid_token', 'wrong_key');
  });
});

describe('Z-09 a proof is used once (RFC 9449 §11.1)', () => {
  it('one after another, on either process', async () => {
    const dpop = proof();
    expect((await send({ dpop })).status).toBe(200);
    await refusedProof(dpop, 'dpop_replayed');
    await refused(() => send({ dpop, to: second }), 'invalid_dpop_proof', 'dpop_replayed');
  });

  it('fifty at once, over both processes', async () => {
    for (let round = 0; round < 3; round += 1) {
      const dpop = proof();
      const sent = Array.from({ length: 50 }, (_, index) => send({ dpop, to: index % 2 === 0 ? server : second }));
      const statuses = (await Promise.all(sent)).map(({ status }) => status);
      expect(statuses.filter((status) => status === 200)).toHaveLength(1);
      expect(statuses.filter((status) => status === 401)).toHaveLength(49);
    }
  });

  it('the identifier belongs to its key: nobody uses up that of another', async () => {
    const claims = { jti: 'the-same' };
    const token = await boundTo({ jkt: otherKey.jkt });
    const others = proof({ claims: { ...claims, ath: tokenHash(token) } }, otherKey);
    expect((await send({ token, dpop: others })).status).toBe(200);
    expect((await send({ dpop: proof({ claims }) })).status).toBe(200);
  });

  it('a refused request leaves its proof unused', async () => {
    const uses = async () => (await ledger.rows<{ n: number }>('SELECT count(*)::int AS n FROM single_use'))[0]?.n;
    const before = await uses();
    const client = await server.createClient({ client_name: 'R', scope: 'admin:oauth' });
    const token = await signAgain(server, await server.tokenOf(client), { cnf: { jkt: key.jkt } });
    const status = (value: string) => server.asAdmin('PATCH', `${path}/${client.client_id}`, { status: value });
    expect((await status('disabled')).status).toBe(200);
    const dead = proof({ claims: { ath: tokenHash(token) } });
    await refused(() => send({ token, dpop: dead }), 'invalid_token', 'not_live');
    await refused(() => send({ dpop: proof({}, otherKey) }), 'invalid_token', 'wrong_key');
    await refusedProof(proof({ claims: { htm: 'PUT' } }), 'dpop_method');
    expect(await uses()).toBe(before);
    expect((await send({ dpop: proof() })).status).toBe(200);
    expect(await uses()).toBe((before ?? 0) + 1);
  });
});

describe('RFC 9449 §8 nonces', () => {
  it('one of this server is taken on either process, another is answered with the right one', async () => {
    const nonce = (await send({ dpop: proof() })).headers.get('dpop-nonce') ?? '';
    expect((await send({ dpop: proof({ claims: { nonce } }), to: second })).status).toBe(200);
    const dpop = proof({ claims: { nonce: 'another' } });
    const response = await refused(() => send({ dpop }), 'use_dpop_nonce', 'use_dpop_nonce');
    expect(response.headers.get('dpop-nonce')).toMatch(/^[A-Za-z0-9_-]{22}$/);
  });

  it('DPOP_NONCE_REQUIRED: none without', async () => {
    const strict = await startServer({ beside: server, env: { DPOP_NONCE_REQUIRED: 'true' } });
    try {
      const first = await refused(() => send({ dpop: proof(), to: strict }), 'use_dpop_nonce', 'use_dpop_nonce');
      const claims = { nonce: first.headers.get('dpop-nonce') };
      expect((await send({ dpop: proof({ claims }), to: strict })).status).toBe(200);
      expect((await send({ token: unbound, scheme: 'Bearer', to: strict })).status).toBe(200);
    } finally {
      await strict.stop();
    }
  });
});

describe('RFC 8705 §3 a token that is bound to a certificate', () => {
  let proxied: TestServer;
  let token: string;

  beforeAll(async () => {
    proxied = await startServer({ beside: server, env: { TRUST_PROXY: '127.0.0.1/32' } });
    token = await boundTo({ 'x5t#S256': certificateOne.thumbprint });
  });

  afterAll(async () => {
    await proxied?.stop();
  });

  function withCertificate(value: string | undefined, to = proxied, headers: Record<string, string> = {}) {
    const told: Record<string, string> = value === undefined ? {} : { 'client-cert': value };
    return to.fetch(path, { headers: { authorization: `Bearer ${token}`, ...headers, ...told } });
  }

  it('is taken from who shows the certificate to a trusted proxy', async () => {
    expect((await withCertificate(byteSequence(certificateOne))).status).toBe(200);
    expect((await withCertificate(encodeURIComponent(pemOf(certificateOne)))).status).toBe(200);
  });

  it.each<[string, string | undefined]>([
    ['none', undefined],
    ['an empty one', ''],
    ['another one', byteSequence(certificateTwo)],
  ])('with %s: a bad token', async (_, value) => {
    const { response, entry } = await ledger.refused(() => withCertificate(value));
    await expectBadToken(response);
    expect(entry.details).toMatchObject({ reason: 'wrong_certificate' });
  });

  it('what cannot be read, or two of them, must not pass for none', async () => {
    for (const value of ['x', ':AAAA:', `${byteSequence(certificateOne)}, ${byteSequence(certificateOne)}`]) {
      await expectProblem(await withCertificate(value), 400);
    }
    const lines = [`Authorization: Bearer ${token}`, `Client-Cert: ${byteSequence(certificateOne)}`];
    const repeated = [`GET ${path} HTTP/1.1`, 'Host: x', ...lines, `Client-Cert: ${byteSequence(certificateTwo)}`];
    await expectProblem(await rawRequest(`http://127.0.0.1:${proxied.running.port}`, repeated), 400);
  });

  it('threat 28: whom nobody trusts cannot tell of one', async () => {
    const { response } = await ledger.refused(() => withCertificate(byteSequence(certificateOne), server));
    await expectBadToken(response);
    const forwarded = { 'x-forwarded-for': '127.0.0.1' };
    await expectBadToken(await withCertificate(byteSequence(certificateOne), server, forwarded));
  });

  it('with a proof that nobody asked for: not under DPoP', async () => {
    const headers = { authorization: `DPoP ${token}`, dpop: proof({ claims: { ath: tokenHash(token) } }) };
    const response = await withCertificate(byteSequence(certificateOne), proxied, headers);
    await expectProblem(response, 401);
    expect(response.headers.get('www-authenticate')).toBe(`DPoP error="invalid_token", ${algs}`);
  });

  it('bound to a key as well, both must be shown', async () => {
    const both = await boundTo({ jkt: key.jkt, 'x5t#S256': certificateOne.thumbprint });
    const ask = (by: typeof key, certificate: string | undefined) => {
      const dpop = proof({ claims: { ath: tokenHash(both) } }, by);
      return withCertificate(certificate, proxied, { authorization: `DPoP ${both}`, dpop });
    };
    expect((await ask(key, byteSequence(certificateOne))).status).toBe(200);
    expect((await ask(key, byteSequence(certificateTwo))).status).toBe(401);
    expect((await ask(key, undefined)).status).toBe(401);
    expect((await ask(otherKey, byteSequence(certificateOne))).status).toBe(401);
    const bearer = { authorization: `Bearer ${both}` };
    await expectBadToken(await withCertificate(byteSequence(certificateOne), proxied, bearer));
  });
});

describe('K-15 what is bound in a way that nobody knows, and what is no token', () => {
  it.each<[string, unknown]>([
    ['nothing at all', {}],
    ['null', null],
    ['a text', 'x'],
    ['a list', [{ jkt: key.jkt }]],
    ['a key by its identifier', { kid: 'x' }],
    ['a key itself', { jwk: key.jwk }],
    ['something beside the key', { jkt: key.jkt, kid: 'x' }],
    ['a number as thumbprint', { jkt: 1 }],
    ['no thumbprint', { jkt: null }],
    ['no hash', { 'x5t#S256': null }],
    ['the hash under an old name', { x5t: certificateOne.thumbprint }],
  ])('cnf is %s', async (_, cnf) => {
    const token = await boundTo(cnf);
    await expectBadToken((await ledger.refused(() => send({ token, scheme: 'Bearer' }))).response);
    const dpop = proof({ claims: { ath: tokenHash(token) } });
    await refused(() => send({ token, dpop }), 'invalid_token');
  });

  it('a proof as a token, also one that this server has signed', async () => {
    await expectBadToken((await ledger.refused(() => send({ scheme: 'Bearer', token: proof() }))).response);
    const [header = ''] = bound.split('.');
    const claims = jwsPart({
      htm: 'GET',
      htu: `${server.issuer}${path}`,
      jti: 'x',
      iat: Math.floor(Date.now() / 1000),
    });
    const foreign = signParts(`${header}.${claims}`, proofKey('RS256'));
    await expectBadToken((await ledger.refused(() => send({ scheme: 'Bearer', token: foreign }))).response);
  });
});
