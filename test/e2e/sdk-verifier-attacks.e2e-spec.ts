/** What attackers, outages and late answers do to a verifier. The server is one that answers as the test says. */
import {
  CompactSign,
  type CryptoKey,
  decodeJwt,
  exportJWK,
  generateKeyPair,
  type JWK,
  type JWTHeaderParameters,
  SignJWT,
} from 'jose';
import { createTokenVerifier, scopeCovers, type TokenVerifierOptions } from '../../sdk/src/resource-server/index.js';
import { scopeCovers as serverScopeCovers } from '../../src/protocol/index.js';

const issuer = 'https://signet.example.com';
const audience = 'https://orders.example.com';
const jwksUri = `${issuer}/.well-known/jwks.json`;
const credentials = { clientId: 'orders', clientSecret: 'secret' };

interface Key {
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

async function keyOf(kid: string): Promise<Key> {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
  return { privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'RS256', use: 'sig' } };
}

let one: Key;
let other: Key;
let published: JWK[];
let active: boolean;
let asked: Record<'keys' | 'introspection', number>;
let gate: Promise<unknown>;
let away: boolean;

beforeAll(async () => {
  [one, other] = await Promise.all([keyOf('one'), keyOf('other')]);
});
beforeEach(() => {
  published = [one.jwk];
  active = true;
  asked = { keys: 0, introspection: 0 };
  gate = Promise.resolve();
  away = false;
});

/** Answers as of the moment of the question, as late as the gate lets it. */
const server: typeof fetch = async (input) => {
  const isKeys = input === jwksUri;
  asked[isKeys ? 'keys' : 'introspection'] += 1;
  const answer = Response.json(isKeys ? { keys: published } : { active });
  const down = away;
  await gate;
  if (down) throw new TypeError('fetch failed');
  return answer;
};

const verifierOf = (options: Partial<TokenVerifierOptions> = {}) =>
  createTokenVerifier({ issuer, audience, jwksUri, fetch: server, ...options });
const pushed = (more: Partial<TokenVerifierOptions> = {}) =>
  verifierOf({ mode: 'push', introspection: { credentials }, ...more });

async function tokenOf(claims: object = {}, header: Partial<JWTHeaderParameters> = {}, key = one) {
  const token = new SignJWT({ client_id: 'caller', scope: 'read:orders', ...claims })
    .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid: 'one', ...header })
    .setIssuer(issuer)
    .setSubject('caller')
    .setAudience(audience)
    .setJti(crypto.randomUUID());
  const now = Math.floor(Date.now() / 1000);
  const issuedAt = 'iat' in claims ? Number(claims.iat) : now;
  const expiresAt = 'exp' in claims ? Number(claims.exp) : now + 600;
  token.setIssuedAt(issuedAt).setExpirationTime(expiresAt);
  return { authorization: `Bearer ${await token.sign(key.privateKey)}` };
}

const refused = { code: 'invalid_token', status: 401 };
const seconds = (from: number) => Math.floor(Date.now() / 1000) + from;

it.each([
  ['no audience', { audience: '' }],
  ['no issuer', { issuer: '' }],
  ['a symmetric algorithm', { algorithms: ['HS256'] }],
  ['none', { algorithms: ['none'] }],
  ['push without introspection', { mode: 'push' as const }],
  ['a negative tolerance', { clockToleranceSeconds: -1 }],
])('is not made with %s', (_, options) => {
  expect(() => verifierOf(options)).toThrow(TypeError);
});

it('takes clocks that differ a little, and not more', async () => {
  const verifier = verifierOf();
  await expect(verifier.verify(await tokenOf({ exp: seconds(-5) }))).resolves.toBeDefined();
  await expect(verifier.verify(await tokenOf({ exp: seconds(-20) }))).rejects.toMatchObject(refused);
  await expect(verifier.verify(await tokenOf({ nbf: seconds(60) }))).rejects.toMatchObject(refused);
});

it.each<[string, object, Partial<JWTHeaderParameters>, (() => Key)?]>([
  ['another type', {}, { typ: 'JWT' }],
  ['a proof', {}, { typ: 'dpop+jwt' }],
  ['no kid', {}, { kid: undefined }],
  ['a key of its own', {}, { jwk: {} }, () => other],
  ['the key of another name', {}, { kid: '__proto__' }],
  ['no client', { client_id: undefined }, {}],
  ['a client that is no text', { client_id: ['caller'] }, {}],
])('refuses a token with %s', async (_, claims, header, key = () => one) => {
  await expect(verifierOf().verify(await tokenOf(claims, header, key()))).rejects.toMatchObject(refused);
});

it.each<[string, object, Partial<JWTHeaderParameters>]>([
  ['the token is no access token: its typ is not at+jwt', {}, { typ: 'JWT' }],
  ['the token is not meant for this API', { aud: 'https://other.example.com' }, {}],
  ['the token is of another issuer', { iss: 'https://other.example.com' }, {}],
  ['the token is not good yet', { nbf: seconds(60) }, {}],
  ['the token has expired', { exp: seconds(-60) }, {}],
  ['the token was issued in the future', { iat: seconds(60) }, {}],
  ['the exp of the token is malformed', { exp: 'tomorrow' }, {}],
  ['the iat of the token is malformed', { iat: 'yesterday' }, {}],
  ['the nbf of the token is malformed', { nbf: 'now' }, {}],
  ['the client_id of the token is malformed', { client_id: ['caller'] }, {}],
  ...['exp', 'iat', 'jti', 'sub', 'client_id', 'aud', 'iss'].map((claim): [string, object, object] => [
    `the token has no ${claim}`,
    { [claim]: undefined },
    {},
  ]),
])('says what is wrong: %s', async (message, claims, header) => {
  const { authorization } = await tokenOf();
  const payload = decodeJwt(authorization.slice(7));
  const text = new TextEncoder().encode(JSON.stringify({ ...payload, ...claims }));
  const signed = new CompactSign(text).setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid: 'one', ...header });
  const presented = { authorization: `Bearer ${await signed.sign(one.privateKey)}` };
  await expect(verifierOf().verify(presented)).rejects.toMatchObject({ ...refused, message });
});

it('covers scopes as the server does', () => {
  const names = [
    'admin:full',
    'admin:oauth',
    'admin:*',
    'admin:',
    'oauth:introspect',
    'oauth:*',
    'oauth:other',
    'events:publish',
  ];
  const others = [
    'manage:*',
    'manage:',
    'manage:orders',
    'manage:orders:*',
    'manage:orders:all',
    'manages',
    'read:profile',
    '*',
    ':*',
  ];
  const all = [...names, ...others].flatMap((held) => [...names, ...others].map((asked) => [held, asked] as const));
  const differing = all.filter(([held, asked]) => scopeCovers(held, asked) !== serverScopeCovers(held, asked));
  expect(differing).toEqual([]);
  expect(scopeCovers('admin:full', 'admin:oauth')).toBe(true);
});

it('is not stopped by a key that it cannot read, and takes no symmetric one', async () => {
  published = [
    { kty: 'RSA', kid: 'bad', alg: 'RS256', n: '!', e: '' },
    { kty: 'oct', kid: 'x', alg: 'RS256', k: 'AAAA' },
    one.jwk,
  ];
  await expect(verifierOf().verify(await tokenOf())).resolves.toBeDefined();
  await expect(verifierOf().verify(await tokenOf({}, { kid: 'x' }))).rejects.toMatchObject(refused);
});

it('does not ask a server that is away at each request', async () => {
  away = true;
  const verifier = verifierOf();
  for (let count = 0; count < 20; count += 1) {
    await expect(verifier.verify(await tokenOf())).rejects.toMatchObject({ status: 503 });
  }
  expect(asked.keys).toBeLessThan(10);
});

it('uses keys no longer than it may while the server is away', async () => {
  const verifier = verifierOf({ maxStaleSeconds: 0 });
  await verifier.verify(await tokenOf());
  away = true;
  verifier.take({ type: 'oauth.key.rotated', data: {} });
  await expect(verifier.verify(await tokenOf())).rejects.toMatchObject({ status: 503 });
});

it('takes tokens by the keys that it has while the server hangs, unless it was told of other ones', async () => {
  let open = (): void => undefined;
  gate = new Promise<void>((resolve) => (open = resolve));
  let count = 0;
  const hanging: typeof fetch = async (...question) => {
    count += 1;
    if (count > 1) return server(...question);
    return Response.json({ keys: published }, { headers: { 'cache-control': 'max-age=0' } });
  };
  const verifier = verifierOf({ fetch: hanging });
  for (let at = 0; at < 3; at += 1) await expect(verifier.verify(await tokenOf())).resolves.toBeDefined();
  expect(count).toBe(2);
  verifier.take({ type: 'oauth.key.revoked', data: { kid: 'other' } });
  let isJudged = false;
  const told = verifier.verify(await tokenOf()).finally(() => (isJudged = true));
  await new Promise((resolve) => setTimeout(resolve, 700));
  expect(isJudged).toBe(false);
  open();
  await expect(told).resolves.toBeDefined();
});

it('does not keep keys that were on their way when a rotation was told', async () => {
  const verifier = verifierOf();
  let open = (): void => undefined;
  gate = new Promise<void>((resolve) => (open = resolve));
  const early = verifier.verify(await tokenOf());
  published = [one.jwk, other.jwk];
  verifier.take({ type: 'oauth.key.rotated', data: { kid: 'other' } });
  open();
  await early;
  await expect(verifier.verify(await tokenOf({}, { kid: 'other' }, other))).resolves.toBeDefined();
});

it('asks again when the answer was on its way while the client was cut off', async () => {
  const verifier = pushed();
  await verifier.verify(await tokenOf());
  const presented = await tokenOf();
  let open = (): void => undefined;
  gate = new Promise<void>((resolve) => (open = resolve));
  const early = verifier.verify(presented);
  while (asked.introspection === 1) await new Promise(setImmediate);
  active = false;
  verifier.take({ type: 'oauth.client.disabled', data: { client_id: 'caller', epoch: '2' } });
  const late = verifier.verify(presented);
  open();
  await expect(early).rejects.toMatchObject(refused);
  await expect(late).rejects.toMatchObject(refused);
});

it('moves no cut back for an event that comes late, or twice', async () => {
  const verifier = verifierOf();
  const presented = await tokenOf({ iat: seconds(-100) });
  const event = (epoch: string, at: number) => ({
    type: 'oauth.token.revoked',
    time: new Date(Date.now() + at * 1000).toISOString(),
    data: { client_id: 'caller', epoch },
  });
  verifier.take(event('3', -50));
  verifier.take(event('2', -200));
  verifier.take(event('4', -150));
  await expect(verifier.verify(presented)).rejects.toMatchObject(refused);
  await expect(verifier.verify(await tokenOf())).resolves.toBeDefined();
});

it('trusts nothing that it had learned before a gap in the stream of events', async () => {
  const verifier = pushed({ heartbeatSeconds: 0.02 });
  const presented = await tokenOf();
  await verifier.verify(presented);
  await new Promise((resolve) => setTimeout(resolve, 100));
  verifier.alive();
  active = false;
  await expect(verifier.verify(presented)).rejects.toMatchObject(refused);
});

it('asks once for many, and says 503 when it cannot know', async () => {
  const verifier = pushed();
  const presented = await tokenOf();
  await Promise.all(Array.from({ length: 50 }, () => verifier.verify(presented)));
  expect(asked).toEqual({ keys: 1, introspection: 1 });
  away = true;
  await expect(verifier.verify(await tokenOf())).rejects.toMatchObject({ code: 'unavailable', status: 503 });
});

describe('a token whose signature was verified before', () => {
  it('ends when it ends', async () => {
    const verifier = verifierOf();
    const end = seconds(-9);
    const presented = await tokenOf({ exp: end });
    for (;;) {
      const outcome: unknown = await verifier.verify(presented).catch((error: unknown) => error);
      if (outcome instanceof Error) {
        expect(outcome).toMatchObject(refused);
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(Date.now()).toBeGreaterThanOrEqual((end + 10) * 1000);
  });

  it('ends with its key, be it that another one has its name', async () => {
    const verifier = verifierOf();
    const presented = await tokenOf();
    await verifier.verify(presented);
    published = [{ ...other.jwk, kid: 'one' }];
    verifier.take({ type: 'oauth.key.rotated', data: {} });
    await expect(verifier.verify(presented)).rejects.toMatchObject(refused);
    published = [];
    verifier.take({ type: 'oauth.key.rotated', data: {} });
    await expect(verifier.verify(presented)).rejects.toMatchObject(refused);
  });

  it('is known by all of it, and changed by nobody who was told of it', async () => {
    const verifier = verifierOf();
    const presented = await tokenOf({ groups: { held: ['a'] } });
    const { claims, scope } = await verifier.verify(presented);
    expect([claims, claims['groups'], scope].map(Object.isFrozen)).toEqual([true, true, true]);
    const last = presented.authorization.at(-1) === 'A' ? 'B' : 'A';
    for (const changed of [`${presented.authorization}A`, `${presented.authorization.slice(0, -9)}${last}AAAAAAAA`]) {
      await expect(verifier.verify({ authorization: changed })).rejects.toMatchObject(refused);
    }
    await expect(verifier.verify(presented, 'write:orders')).rejects.toMatchObject({ status: 403 });
  });
});
