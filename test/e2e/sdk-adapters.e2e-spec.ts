/** What stands between a framework and the verifier. The server is a set of keys. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { calculateJwkThumbprint, type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { requireToken } from '../../sdk/src/express/index.js';
import { AllowAnonymous, RequireScope, SignetModule } from '../../sdk/src/nestjs/index.js';
import { createTokenVerifier, TokenError } from '../../sdk/src/resource-server/index.js';
import { authorize, refusal } from '../../sdk/src/web/index.js';

const issuer = 'https://signet.example.com';
const audience = 'https://orders.example.com';
const inside = 'http://10.0.0.7:8080';

let signing: CryptoKey;
let published: JWK;

beforeAll(async () => {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  signing = privateKey;
  published = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' };
});

const verifierOf = () =>
  createTokenVerifier({
    issuer,
    audience,
    algorithms: ['ES256'],
    jwksUri: `${issuer}/jwks`,
    fetch: () => Promise.resolve(Response.json({ keys: [published] })),
  });

function tokenOf(claims: object = {}): Promise<string> {
  return new SignJWT({ client_id: 'caller', scope: 'read:orders write:orders', ...claims })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'one' })
    .setIssuer(issuer)
    .setSubject('caller')
    .setAudience(audience)
    .setJti(crypto.randomUUID())
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(signing);
}

/** A request with a token that is bound to a new key, and its proof. */
async function boundRequest(alg: string, url: string): Promise<Request> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = await exportJWK(publicKey);
  const token = await tokenOf({ cnf: { jkt: await calculateJwkThumbprint(jwk) } });
  const ath = createHash('sha256').update(token).digest('base64url');
  const dpop = await new SignJWT({ htm: 'GET', htu: `${audience}/orders`, ath })
    .setProtectedHeader({ alg, typ: 'dpop+jwt', jwk })
    .setJti(crypto.randomUUID())
    .setIssuedAt()
    .sign(privateKey);
  return new Request(url, { headers: { authorization: `DPoP ${token}`, dpop } });
}

describe('a handler of the Fetch standard', () => {
  it.each(['ES256', 'PS256', 'EdDSA', 'Ed25519'])('takes a proof by %s, behind a proxy that ends TLS', async (alg) => {
    const request = await boundRequest(alg, `${inside}/orders?page=2`);
    const { clientId } = await authorize(verifierOf(), request, 'read:orders', audience);
    expect(clientId).toBe('caller');
  });

  it('takes no proof of an origin that is not its own', async () => {
    const refused = await authorize(verifierOf(), await boundRequest('ES256', `${inside}/orders`)).catch(refusal);
    const challenge = (refused as Response).headers.get('www-authenticate');
    expect(challenge).toMatch(/^DPoP error="invalid_dpop_proof", .*algs="ES256 RS256 PS256 EdDSA Ed25519"$/);
  });
});

it('takes several scopes in one text, and needs each of them', async () => {
  const presented = { authorization: `Bearer ${await tokenOf()}` };
  await expect(verifierOf().verify(presented, 'read:orders write:orders')).resolves.toBeDefined();
  const challenge = expect.stringContaining('scope="delete:orders"') as string;
  await expect(verifierOf().verify(presented, ['write:orders', 'read:orders delete:orders'])).rejects.toMatchObject({
    headers: { 'www-authenticate': challenge },
  });
  await expect(verifierOf().verify(presented, '')).rejects.toMatchObject({ status: 403 });
});

it('middleware leaves alone what a time limit has answered', async () => {
  let judge = (): void => undefined;
  const judging = new Promise<never>((_, reject) => {
    judge = () => reject(new TokenError('invalid_token', 'the token has expired'));
  });
  const errors: unknown[] = [];
  const listening = createServer((request, response) => {
    requireToken({ ...verifierOf(), verify: () => judging })(request, response, (error) => errors.push(error));
    response.writeHead(503).end();
  }).listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const failed: unknown[] = [];
  const fail = (reason: unknown) => failed.push(reason);
  process.on('unhandledRejection', fail);
  const { status } = await fetch(`http://127.0.0.1:${(listening.address() as AddressInfo).port}`);
  judge();
  await new Promise((resolve) => setTimeout(resolve, 20));
  process.off('unhandledRejection', fail);
  expect([status, failed, errors]).toEqual([503, [], []]);
  listening.closeAllConnections();
  await new Promise((resolve) => listening.close(resolve));
});

@Controller('open')
@AllowAnonymous()
class OpenController {
  @Get()
  anyone() {
    return {};
  }

  @Get('orders')
  @RequireScope('read:orders')
  orders() {
    return {};
  }
}

@Controller('closed')
@RequireScope('delete:orders')
class ClosedController {
  @Get()
  nobody() {
    return {};
  }

  @Get('health')
  @AllowAnonymous()
  health() {
    return {};
  }
}

it('a handler of NestJS goes before its class, in what it opens and in what it closes', async () => {
  class OrdersModule {}
  const controllers = [OpenController, ClosedController];
  Module({ imports: [SignetModule.forRoot({ verifier: verifierOf() })], controllers })(OrdersModule);
  const app = await NestFactory.create<NestFastifyApplication>(OrdersModule, new FastifyAdapter(), { logger: false });
  await app.listen(0, '127.0.0.1');
  const status = async (path: string, headers = {}) =>
    (await fetch(`${await app.getUrl()}/${path}`, { headers })).status;
  const authorization = `Bearer ${await tokenOf()}`;
  const anonymous = await Promise.all(['open', 'open/orders', 'closed', 'closed/health'].map((path) => status(path)));
  expect(anonymous).toEqual([200, 401, 401, 200]);
  expect([await status('open/orders', { authorization }), await status('closed', { authorization })]).toEqual([
    200, 403,
  ]);
  await app.close();
});
