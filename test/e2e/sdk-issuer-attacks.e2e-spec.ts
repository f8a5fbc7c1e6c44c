/** What an issuer that says strange things, over real connections, can make a verifier believe, and what a bearer can. */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { createTokenVerifier, TokenError, type TokenVerifierOptions } from '../../sdk/src/resource-server/index.js';

const audience = 'https://orders.example.com';
const metadataPath = '/.well-known/oauth-authorization-server';

interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body: unknown;
}

/** A server whose answers, by path, are what the test puts there. */
class Site {
  readonly answers = new Map<string, Answer>();
  readonly asked: string[] = [];
  readonly #server = createServer(({ url = '' }, response) => {
    this.asked.push(url);
    const { status = 200, headers = {}, body } = this.answers.get(url) ?? { status: 404, body: {} };
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  });

  static async open(): Promise<Site> {
    const site = new Site();
    await once(site.#server.listen(0, '127.0.0.1'), 'listening');
    return site;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const published = { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256', use: 'sig' } as JWK;
let issuer: Site;
let elsewhere: Site;

beforeEach(async () => {
  [issuer, elsewhere] = await Promise.all([Site.open(), Site.open()]);
  issuer.answers.set(metadataPath, { body: { issuer: issuer.url, jwks_uri: `${issuer.url}/jwks` } });
  for (const site of [issuer, elsewhere]) site.answers.set('/jwks', { body: { keys: [published] } });
});
afterEach(() => Promise.all([issuer.close(), elsewhere.close()]));

const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
const now = () => Math.floor(Date.now() / 1000);

function jwtOf(header: object, claims: object, key: KeyObject): string {
  const input = `${encoded(header)}.${encoded(claims)}`;
  const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}

function tokenOf(claims: object = {}, key = rsa.privateKey): string {
  const lasting = { iat: now(), exp: now() + 600, jti: crypto.randomUUID() };
  const all = { iss: issuer.url, aud: audience, sub: 'caller', client_id: 'caller', ...lasting, ...claims };
  return jwtOf({ alg: 'RS256', typ: 'at+jwt', kid: 'one' }, all, key);
}

/** What a verifier that has just begun says of a token. */
const judged = (token = tokenOf(), options: Partial<TokenVerifierOptions> = {}) =>
  createTokenVerifier({ issuer: issuer.url, audience, ...options }).verify({ authorization: `Bearer ${token}` });

const refusal = async (...presented: Parameters<typeof judged>): Promise<unknown> => {
  const error: unknown = await judged(...presented).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(TokenError);
  return error;
};

it('takes a token by the keys that its issuer publishes', async () => {
  await expect(judged()).resolves.toMatchObject({ clientId: 'caller' });
});

describe('K-17: metadata', () => {
  it.each<[string, () => object]>([
    ['of another issuer', () => ({ issuer: elsewhere.url, jwks_uri: `${issuer.url}/jwks` })],
    ['that names keys of another host', () => ({ issuer: issuer.url, jwks_uri: `${elsewhere.url}/jwks` })],
    [
      'that names keys of another scheme',
      () => ({ issuer: issuer.url, jwks_uri: `${issuer.url}/jwks`.replace('http:', 'https:') }),
    ],
    [
      'that names keys of a host which begins like its own',
      () => ({ issuer: issuer.url, jwks_uri: `${issuer.url}@${new URL(elsewhere.url).host}/jwks` }),
    ],
    ['that names keys without a host', () => ({ issuer: issuer.url, jwks_uri: '/jwks' })],
    ['that names no keys', () => ({ issuer: issuer.url })],
  ])('K-17: %s is not believed', async (_, body) => {
    issuer.answers.set(metadataPath, { body: body() });
    expect(await refusal()).toMatchObject({ code: 'unavailable', status: 503 });
    expect([issuer.asked, elsewhere.asked]).toEqual([[metadataPath], []]);
  });

  it('K-17: has no say over the keys that the service itself names, be they of another host', async () => {
    await expect(judged(tokenOf(), { jwksUri: `${elsewhere.url}/jwks` })).resolves.toBeDefined();
    expect(issuer.asked).toEqual([]);
  });
});

describe('K-17: a JWKS', () => {
  it.each<[string, () => Answer]>([
    ['elsewhere', () => ({ status: 301, headers: { location: `${elsewhere.url}/jwks` }, body: {} })],
    ['of 5 MB', () => ({ body: { keys: [published], padding: 'x'.repeat(5 * 1024 * 1024) } })],
    ['that is a list', () => ({ body: [published] })],
  ])('K-17: %s is not read', async (_, answer) => {
    issuer.answers.set('/jwks', answer());
    expect(await refusal()).toMatchObject({ code: 'unavailable', status: 503 });
    expect(elsewhere.asked).toEqual([]);
  });

  it.each<[string, Partial<JWK>]>([
    ['without alg', { alg: undefined }],
    ['for encryption', { use: 'enc' }],
    ['of another alg', { alg: 'PS256' }],
  ])('K-17: a key %s is not used', async (_, members) => {
    issuer.answers.set('/jwks', { body: { keys: [{ ...published, ...members }] } });
    expect(await refusal()).toMatchObject({ code: 'invalid_token', status: 401 });
  });

  it('K-17: a key of 1024 bits is refused with the error of the SDK, as everything else is', async () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const jwk = { ...published, ...weak.publicKey.export({ format: 'jwk' }) };
    issuer.answers.set('/jwks', { body: { keys: [jwk] } });
    const error = await refusal(tokenOf({}, weak.privateKey));
    expect(error).toMatchObject({ code: 'invalid_token', message: 'the token is not valid' });
    expect(error).toHaveProperty('cause', expect.any(TypeError));
  });
});

it('takes no token that was issued in the future, but for the tolerance', async () => {
  expect(await refusal(tokenOf({ iat: now() + 60 }))).toMatchObject({
    code: 'invalid_token',
    message: 'the token was issued in the future',
  });
  await expect(judged(tokenOf({ iat: now() + 60 }), { clockToleranceSeconds: 120 })).resolves.toBeDefined();
  await expect(judged(tokenOf({ iat: 0 }))).resolves.toBeDefined();
});

describe('of all spellings of one signature', () => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const spellingsOf = (jws: string) => Array.from(alphabet).map((last) => `${jws.slice(0, -1)}${last}`);
  const settled = async (outcomes: readonly Promise<unknown>[]) =>
    (await Promise.allSettled(outcomes)).flatMap(({ status }, at) => (status === 'fulfilled' ? [at] : []));

  it('takes the one of RFC 4648 of a token, be it known already', async () => {
    const token = tokenOf();
    const verifier = createTokenVerifier({ issuer: issuer.url, audience });
    await verifier.verify({ authorization: `Bearer ${token}` });
    const spellings = spellingsOf(token);
    const taken = await settled(spellings.map((one) => verifier.verify({ authorization: `Bearer ${one}` })));
    expect(taken.map((at) => spellings[at])).toEqual([token]);
    await refusal(`${token}=`);
  });

  it('takes the one of RFC 4648 of a proof', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = publicKey.export({ format: 'jwk' }) as JWK;
    const token = tokenOf({ cnf: { jkt: await calculateJwkThumbprint(jwk) } });
    const request = { method: 'GET', url: `${audience}/orders` };
    const ath = createHash('sha256').update(token).digest('base64url');
    const claims = { jti: crypto.randomUUID(), htm: request.method, htu: request.url, iat: now(), ath };
    const proof = jwtOf({ alg: 'ES256', typ: 'dpop+jwt', jwk }, claims, privateKey);
    // A verifier for each: a proof is good for one use.
    const outcomes = spellingsOf(proof).map((dpop) =>
      createTokenVerifier({ issuer: issuer.url, audience }).verify({ authorization: `DPoP ${token}`, dpop, request }),
    );
    expect((await settled(outcomes)).map((at) => spellingsOf(proof)[at])).toEqual([proof]);
  });
});
