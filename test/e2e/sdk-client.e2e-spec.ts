import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK } from 'jose';
import { CircuitOpenError, createServiceFetch, TokenManager, TokenRequestError } from '../../sdk/src/client/index.js';
import { type Credentials, startServer, type TestServer } from '../support/server.js';

let server: TestServer;
let service: Credentials;
const resource = 'https://orders.example.com';

beforeAll(async () => {
  server = await startServer();
  service = await server.createClient({ client_name: 'orders-caller', scope: 'read:profile', audience: [resource] });
});
afterAll(() => server.stop());

const credentials = () => ({ clientId: service.client_id, clientSecret: service.client_secret });

interface Pair {
  readonly publicKey: CryptoKey | KeyObject;
  readonly privateKey: CryptoKey | KeyObject | JWK | string;
}

/** The private half as a JWK that says its kind, and not for what it is used. */
function asJwk({ publicKey, privateKey }: { publicKey: KeyObject; privateKey: KeyObject }): Pair {
  return { publicKey, privateKey: privateKey.export({ format: 'jwk' }) };
}

/** The private half as the text of a file. */
function asPem({ publicKey, privateKey }: { publicKey: KeyObject; privateKey: KeyObject }): Pair {
  return { publicKey, privateKey: String(privateKey.export({ format: 'pem', type: 'pkcs8' })) };
}

/** A `fetch` that counts the requests for tokens, and fails while `away`. */
function observedFetch() {
  const seen = { tokenRequests: 0, away: false };
  const observed: typeof fetch = async (input, init) => {
    seen.tokenRequests += 1;
    if (seen.away) throw new TypeError('fetch failed');
    return fetch(input, init);
  };
  return { seen, observed };
}

/** An API that answers as `answer` says, and remembers what it saw. */
async function api(answer: (request: IncomingMessage) => { status: number; headers?: Record<string, string> }) {
  const requests: IncomingMessage[] = [];
  const listening: Server = createServer((request, response) => {
    requests.push(request);
    const { status, headers = {} } = answer(request);
    request.resume();
    response.writeHead(status, headers).end();
  }).listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const { port } = listening.address() as AddressInfo;
  const close = async () => {
    listening.closeAllConnections();
    listening.close();
    await once(listening, 'close');
  };
  return { url: `http://127.0.0.1:${port}`, requests, close };
}

describe('TokenManager', () => {
  it('asks once for a thousand callers', async () => {
    const { seen, observed } = observedFetch();
    const tokens = new TokenManager({ issuer: server.issuer, credentials: credentials(), fetch: observed });
    const got = await Promise.all(Array.from({ length: 1_000 }, () => tokens.token({ scope: 'read:profile' })));
    expect(new Set(got.map(({ value }) => value)).size).toBe(1);
    expect(seen.tokenRequests).toBe(1);
  });

  it('keeps the tokens of different targets apart', async () => {
    const tokens = new TokenManager({ issuer: server.issuer, credentials: credentials() });
    const [one, other] = await Promise.all([tokens.token({ resource }), tokens.token({ scope: 'read:profile' })]);
    expect(one.value).not.toBe(other.value);
    expect((await tokens.token({ resource: [resource] })).value).toBe(one.value);
  });

  it('serves the old token while the server is away, and renews when it is back', async () => {
    const { seen, observed } = observedFetch();
    let onFailure: (error: TokenRequestError) => void = () => undefined;
    const failed = new Promise<TokenRequestError>((resolve) => {
      onFailure = resolve;
    });
    const tokens = new TokenManager({
      issuer: server.issuer,
      credentials: credentials(),
      fetch: observed,
      // Due for renewal from the first moment on.
      renewAt: 0,
      onRenewalFailure: (error) => onFailure(error),
    });
    const first = await tokens.token();
    seen.away = true;
    const served = await Promise.all(Array.from({ length: 100 }, () => tokens.token()));
    expect(served.every(({ value }) => value === first.value)).toBe(true);
    expect(await failed).toMatchObject({ code: 'network_error', transient: true });
    expect(seen.tokenRequests).toBe(2);

    seen.away = false;
    let next = await tokens.token();
    while (next.value === first.value) {
      await sleep(10);
      next = await tokens.token();
    }
  });

  it('says what the server said', async () => {
    const tokens = new TokenManager({
      issuer: server.issuer,
      credentials: { clientId: service.client_id, clientSecret: 'wrong' },
    });
    const failure = await tokens.token().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(TokenRequestError);
    expect(failure).toMatchObject({ code: 'invalid_client', transient: false });
  });

  it('authenticates with a key', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' };
    const { client_id: clientId } = await server.createClient({
      client_name: 'with a key',
      scope: 'read:profile',
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [jwk] },
    });
    const tokens = new TokenManager({
      issuer: server.issuer,
      credentials: { clientId, privateKey: { ...(await exportJWK(privateKey)), kid: 'k1', alg: 'ES256' } },
    });
    expect(await tokens.token()).toMatchObject({ type: 'Bearer', scope: 'read:profile' });
  });

  it.each<[string, string, () => Pair | Promise<Pair>]>([
    ['an RSA key of node:crypto', 'RS256', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['a P-256 key of node:crypto', 'ES256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['an Ed25519 key of node:crypto', 'EdDSA', () => generateKeyPairSync('ed25519')],
    ['an RSA key as PEM', 'RS256', () => asPem(generateKeyPairSync('rsa', { modulusLength: 2048 }))],
    ['a P-256 key as PEM', 'ES256', () => asPem(generateKeyPairSync('ec', { namedCurve: 'P-256' }))],
    ['a CryptoKey for RS256', 'RS256', () => generateKeyPair('RS256')],
    ['a CryptoKey for PS256', 'PS256', () => generateKeyPair('PS256')],
    ['a CryptoKey for ES256', 'ES256', () => generateKeyPair('ES256')],
    ['a CryptoKey for EdDSA', 'EdDSA', () => generateKeyPair('EdDSA')],
    ['an RSA JWK without alg', 'RS256', () => asJwk(generateKeyPairSync('rsa', { modulusLength: 2048 }))],
    ['a P-256 JWK without alg', 'ES256', () => asJwk(generateKeyPairSync('ec', { namedCurve: 'P-256' }))],
    ['an Ed25519 JWK without alg', 'EdDSA', () => asJwk(generateKeyPairSync('ed25519'))],
  ])('authenticates with %s, and is not told its algorithm', async (_, alg, generate) => {
    const { publicKey, privateKey } = await generate();
    const { client_id: clientId } = await server.createClient({
      client_name: 'with a key',
      scope: 'read:profile',
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [{ ...(await exportJWK(publicKey)), alg }] },
    });
    const tokens = new TokenManager({ issuer: server.issuer, credentials: { clientId, privateKey } });
    expect(await tokens.token()).toMatchObject({ type: 'Bearer', scope: 'read:profile' });
  });

  it('says at once that a key does not tell its algorithm, and that a secret is missing', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
    const { privateKey: sha512 } = await generateKeyPair('RS512');
    const jwk = { kty: 'EC', crv: 'secp256k1' };
    for (const key of [privateKey, sha512, jwk]) {
      expect(
        () => new TokenManager({ issuer: server.issuer, credentials: { clientId: 'a', privateKey: key } }),
      ).toThrow(
        expect.objectContaining({ name: 'TypeError', message: expect.stringContaining('`algorithm`') as string }),
      );
    }
    expect(() => new TokenManager({ issuer: server.issuer, credentials: { clientId: 'a', clientSecret: '' } })).toThrow(
      new TypeError('the clientSecret is missing'),
    );
  });

  it('renews as long before the end as it was told, however short the life is', async () => {
    const brief = await server.createClient({
      client_name: 'brief',
      scope: 'read:profile',
      access_token_ttl_seconds: 60,
    });
    const tokens = new TokenManager({
      issuer: server.issuer,
      credentials: { clientId: brief.client_id, clientSecret: brief.client_secret },
      renewLeadSeconds: 59,
    });
    const first = await tokens.token();
    // Half of its life would be thirty seconds.
    const before = Date.now() + 20_000;
    let next = first;
    while (next.value === first.value && Date.now() < before) {
      await sleep(50);
      next = await tokens.token();
    }
    expect(next.value).not.toBe(first.value);
  });

  it('renews by the fraction what lives no longer than the lead', async () => {
    const { seen, observed } = observedFetch();
    const options = { issuer: server.issuer, credentials: credentials(), fetch: observed, renewLeadSeconds: 86_400 };
    const tokens = new TokenManager({ ...options, renewAt: 0.5 });
    const [first, again] = [await tokens.token(), await tokens.token()];
    expect([again.value, seen.tokenRequests]).toEqual([first.value, 1]);
    const hasty = new TokenManager({ ...options, renewAt: 0 });
    const { value } = await hasty.token();
    while ((await hasty.token()).value === value) await sleep(10);
  });

  it('reads the environment', async () => {
    const tokens = TokenManager.fromEnvironment({
      SERVICE_TOKEN_URL: `${server.issuer}/oauth/token`,
      SERVICE_CLIENT_ID: service.client_id,
      SERVICE_CLIENT_SECRET: service.client_secret,
    });
    expect((await tokens.token()).scope).toBe('read:profile');
    expect((await TokenManager.fromEnvironment({ SERVICE_TOKEN: 'given' }).token()).value).toBe('given');
    expect(() => TokenManager.fromEnvironment({ SERVICE_CLIENT_ID: 'a' })).toThrow(
      'SERVICE_TOKEN_URL, SERVICE_CLIENT_SECRET',
    );
  });
});

describe('createServiceFetch', () => {
  it('renews once in a storm of 401, and repeats each request once', async () => {
    const { seen, observed } = observedFetch();
    const refused = new Set<string | undefined>();
    const orders = await api(({ headers: { authorization } }) => {
      if (refused.size === 0) refused.add(authorization);
      return { status: refused.has(authorization) ? 401 : 200 };
    });
    const tokens = new TokenManager({ issuer: server.issuer, credentials: credentials(), fetch: observed });
    const call = createServiceFetch(tokens, { baseUrl: orders.url });
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, at) => call(`/orders/${at}`, { method: 'POST', body: '{}' })),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 200));
    expect(seen.tokenRequests).toBe(2);
    await orders.close();
  });

  it('does not repeat a body that is a stream', async () => {
    const orders = await api(() => ({ status: 401 }));
    const tokens = new TokenManager({ issuer: server.issuer, credentials: credentials() });
    const call = createServiceFetch(tokens, { baseUrl: orders.url });
    const body = new Blob(['{}']).stream();
    expect((await call('/orders', { method: 'POST', body })).status).toBe(401);
    expect(orders.requests).toHaveLength(1);
    await orders.close();
  });

  it('keeps the token from other origins, redirects included', async () => {
    const elsewhere = await api(() => ({ status: 200 }));
    const orders = await api(() => ({ status: 307, headers: { location: `${elsewhere.url}/taken` } }));
    const tokens = new TokenManager({ issuer: server.issuer, credentials: credentials() });
    const call = createServiceFetch(tokens, { baseUrl: orders.url });
    expect((await call('/orders')).status).toBe(200);
    expect(elsewhere.requests[0]?.headers.authorization).toBeUndefined();
    expect(orders.requests[0]?.headers.authorization).toMatch(/^Bearer /);
    await expect(call(`${elsewhere.url}/orders`)).rejects.toThrow('is not an origin of this API');
    await Promise.all([elsewhere.close(), orders.close()]);
  });

  it('leaves a failing origin alone, and tries again with one request', async () => {
    let status = 500;
    const orders = await api(() => ({ status }));
    const tokens = new TokenManager({ issuer: server.issuer, credentials: credentials() });
    const call = createServiceFetch(tokens, { baseUrl: orders.url, breaker: { failures: 3, pauseMs: 1 } });
    for (let count = 0; count < 3; count += 1) expect((await call('/')).status).toBe(500);
    const refusals = await Promise.allSettled(Array.from({ length: 5 }, () => call('/')));
    expect(refusals.some((one) => one.status === 'rejected' && one.reason instanceof CircuitOpenError)).toBe(true);
    status = 200;
    await sleep(20);
    expect((await call('/')).status).toBe(200);
    await orders.close();
  });

  it('calls with tokens that are bound to its key (RFC 9449), nonces included', async () => {
    const { client_id: clientId, client_secret: clientSecret } = await server.createClient({
      client_name: 'bound',
      scope: 'state:read',
      dpop_bound_access_tokens: true,
    });
    const tokens = new TokenManager({ issuer: server.issuer, credentials: { clientId, clientSecret }, dpop: true });
    expect((await tokens.token()).type).toBe('DPoP');
    const call = createServiceFetch(tokens, { baseUrl: server.issuer });
    expect((await call('/sync/changes')).status).not.toBe(401);
  });
});
