/** The verifiers that others use beside `@signet/sdk/resource-server`: all of them say the same of the same tokens. */
import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { JwtVerifier } from 'aws-jwt-verify';
import { auth } from 'express-oauth2-jwt-bearer';
import { createVerifier } from 'fast-jwt';
import type { JWK } from 'jose';
import { createTokenVerifier } from '../../sdk/src/resource-server/index.js';
import { type Credentials, startServer, type TestServer } from '../support/server.js';
import { signAsServer } from '../support/server-tokens.js';

const audience = 'https://orders.example.com';
let server: TestServer;
let caller: Credentials;
let jwks: { keys: (JWK & { kid: string })[] };

beforeAll(async () => {
  server = await startServer();
  caller = await server.createClient({ client_name: 'Caller', scope: 'read:profile', audience: [audience] });
  jwks = (await (await server.fetch('/.well-known/jwks.json')).json()) as typeof jwks;
});
afterAll(() => server?.stop());

/** Whom a token is of; rejects when it is refused. */
type Verify = (token: string) => Promise<unknown>;

/** Of Express, what is used here; it brings no types. */
type ExpressApp = RequestListener & {
  use(middleware: unknown): void;
  get(
    path: string,
    handler: (request: { auth: { payload: { client_id: string } } }, response: ServerResponse) => void,
  ): void;
};
const express = createRequire(import.meta.url)('express') as () => ExpressApp;

async function throughMiddleware(guard: ReturnType<typeof auth>, token: string): Promise<unknown> {
  const app = express();
  app.use(guard);
  app.get('/orders', (request, response) => void response.end(request.auth.payload.client_id));
  app.use((error: Error & { status?: number }, _: unknown, response: ServerResponse, __: unknown) => {
    response.writeHead(error.status ?? 500).end(error.message);
  });
  const listening = createServer(app).listen(0, '127.0.0.1');
  await new Promise((resolve) => listening.once('listening', resolve));
  const url = `http://127.0.0.1:${(listening.address() as AddressInfo).port}/orders`;
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
  const text = await response.text();
  listening.closeAllConnections();
  listening.close();
  if (response.status === 401) throw new Error('refused');
  if (response.status !== 200) throw new Error(`the middleware failed: ${response.status} ${text}`);
  return text;
}

const verifiers: Record<string, () => Verify> = {
  '@signet/sdk': () => {
    const verifier = createTokenVerifier({ issuer: server.issuer, audience });
    return async (token) => (await verifier.verify({ authorization: `Bearer ${token}` })).clientId;
  },
  'fast-jwt, given the key by its kid': () => {
    const verify = createVerifier({
      key: ({ header }: { header: Record<string, unknown> }) => {
        const jwk = jwks.keys.find(({ kid }) => kid === header.kid);
        if (jwk === undefined) throw new Error('unknown key');
        const pem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
        return Promise.resolve(pem.toString());
      },
      algorithms: ['RS256'],
      allowedIss: server.issuer,
      allowedAud: audience,
      checkTyp: 'at+jwt',
      requiredClaims: ['exp', 'client_id'],
    });
    return async (token) => ((await verify(token)) as { client_id: string }).client_id;
  },
  'aws-jwt-verify, given the JWKS (it fetches by https alone)': () => {
    const verifier = JwtVerifier.create({ issuer: server.issuer, audience, jwksUri: `${server.issuer}/jwks` });
    verifier.cacheJwks(jwks as Parameters<typeof verifier.cacheJwks>[0]);
    return async (token) => (await verifier.verify(token))['client_id'];
  },
  'express-oauth2-jwt-bearer, by discovery': () => {
    const guard = auth({ issuerBaseURL: server.issuer, audience, tokenSigningAlg: 'RS256', strict: true });
    return (token) => throughMiddleware(guard, token);
  },
  'express-oauth2-jwt-bearer, given the JWKS address': () => {
    const jwksUri = `${server.issuer}/.well-known/jwks.json`;
    const guard = auth({ issuer: server.issuer, jwksUri, audience, tokenSigningAlg: 'RS256', strict: true });
    return (token) => throughMiddleware(guard, token);
  },
};

const now = () => Math.floor(Date.now() / 1000);
const contents = (issuedAt = now()) => ({
  clientId: caller.client_id,
  audience,
  scope: ['read:profile'],
  issuedAt,
});
const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');

/** The same header and claims, signed by somebody else, or by nobody. */
async function forged(header: object = {}, signature?: (input: string) => string): Promise<string> {
  const [head = '', claims = ''] = (await server.tokenOf(caller)).split('.');
  const decoded = JSON.parse(Buffer.from(head, 'base64url').toString()) as object;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const input = `${encoded({ ...decoded, ...header })}.${claims}`;
  const own = (text: string) => sign('sha256', Buffer.from(text), privateKey).toString('base64url');
  return `${input}.${(signature ?? own)(input)}`;
}

const bad: Record<string, () => Promise<string>> = {
  expired: () => signAsServer(server, contents(now() - 700)),
  'for another API': async () =>
    server.tokenOf(await server.createClient({ client_name: 'Elsewhere', scope: 'read:profile' })),
  'of another issuer': () => signAsServer(server, contents(), { iss: 'https://elsewhere.example.com' }),
  'signed by another key': () => forged(),
  'signed by nobody': () => forged({ alg: 'none' }, () => ''),
  'of another kid': () => forged({ kid: 'unknown' }),
};

describe.each(Object.keys(verifiers))('%s', (name) => {
  it('takes a token of the server', async () => {
    const verify = verifiers[name]?.();
    expect(await verify?.(await server.tokenOf(caller))).toBe(caller.client_id);
  });

  it.each(Object.keys(bad))('refuses one that is %s', async (kind) => {
    const token = await bad[kind]?.();
    await expect(verifiers[name]?.()(token ?? '')).rejects.toThrow();
    await expect(verifiers[name]?.()(token ?? '')).rejects.not.toThrow('the middleware failed');
  });
});
