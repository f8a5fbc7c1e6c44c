import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { fastify } from 'fastify';
import { createServiceFetch, TokenManager } from '../../sdk/src/client/index.js';
import { requireToken as expressRequireToken } from '../../sdk/src/express/index.js';
import { requireToken as fastifyRequireToken } from '../../sdk/src/fastify/index.js';
import { AllowAnonymous, Auth, RequireScope, SignetModule } from '../../sdk/src/nestjs/index.js';
import {
  createTokenVerifier,
  type TokenError,
  type TokenVerifier,
  type TokenVerifierOptions,
  type VerifiedToken,
} from '../../sdk/src/resource-server/index.js';
import { authorize, refusal } from '../../sdk/src/web/index.js';
import { type Credentials, startServer, type TestServer } from '../support/server.js';

const audience = 'https://orders.example.com';
let server: TestServer;
let caller: Credentials;
let orders: Credentials;

beforeAll(async () => {
  server = await startServer();
  caller = await server.createClient({ client_name: 'caller', scope: 'read:profile manage:*', audience: [audience] });
  orders = await server.createClient({ client_name: 'orders', resource_identifiers: [audience] });
});
afterAll(() => server.stop());

const introspection = () => ({
  credentials: { clientId: orders.client_id, clientSecret: orders.client_secret },
});
const verifierOf = (options: Partial<TokenVerifierOptions> = {}): TokenVerifier =>
  createTokenVerifier({ issuer: server.issuer, audience, ...options });
const bearer = async () => ({ authorization: `Bearer ${await server.tokenOf(caller)}` });
const claimsOf = (authorization: string) =>
  JSON.parse(Buffer.from(authorization.split('.')[1] ?? '', 'base64url').toString()) as Record<string, string>;

describe('createTokenVerifier', () => {
  it('takes a good token, and says whose it is', async () => {
    const verified = await verifierOf().verify(await bearer(), ['read:profile']);
    expect(verified).toMatchObject({ clientId: caller.client_id, subject: caller.client_id });
    expect(verified.expiresAt.getTime()).toBeGreaterThan(Date.now());
  });

  it.each([
    ['nothing', undefined, 401, 'Bearer'],
    ['garbage', 'Bearer garbage', 401, 'Bearer error="invalid_token"'],
    ['another scheme', 'Basic YTpi', 401, 'Bearer'],
    ['a scheme alone', 'Bearer', 401, 'Bearer error="invalid_token"'],
    ['garbage with a proof', 'DPoP garbage', 401, 'DPoP error="invalid_token"'],
    ['garbage of two words', 'DPoP a b', 401, 'DPoP error="invalid_token"'],
  ])('refuses %s', async (_, authorization, status, challenge) => {
    const algs = ', algs="ES256 RS256 PS256 EdDSA Ed25519"';
    const refused: unknown = await verifierOf()
      .verify({ authorization })
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ status });
    const told = (refused as TokenError).headers['www-authenticate'] ?? '';
    expect(told.replace(/, error_description="[^"]*"/, '')).toBe(
      challenge + (challenge.startsWith('DPoP') ? algs : ''),
    );
  });

  it('refuses a token that is meant for another API, or is of another issuer', async () => {
    const presented = await bearer();
    const verifier = verifierOf({ audience: 'https://other.example.com' });
    await expect(verifier.verify(presented)).rejects.toMatchObject({ code: 'invalid_token' });
    const foreign = createTokenVerifier({
      issuer: 'https://elsewhere.example.com',
      audience,
      jwksUri: `${server.issuer}/.well-known/jwks.json`,
    });
    await expect(foreign.verify(presented)).rejects.toMatchObject({ code: 'invalid_token' });
  });

  it('names the scope that is missing; a wildcard covers what is below it', async () => {
    const presented = await bearer();
    await expect(verifierOf().verify(presented, 'read:groups')).rejects.toMatchObject({
      status: 403,
      headers: { 'www-authenticate': expect.stringContaining('scope="read:groups"') as string },
    });
    await expect(verifierOf().verify(presented, 'manage:orders')).resolves.toBeDefined();
  });

  it('fetches the keys once for many, and cannot be made to fetch by invented ones', async () => {
    let fetched = 0;
    const verifier = verifierOf({
      fetch: (input, init) => {
        fetched += 1;
        return fetch(input, init);
      },
    });
    const presented = await bearer();
    await Promise.all(Array.from({ length: 100 }, () => verifier.verify(presented)));
    expect(fetched).toBe(2);
    // The first one may be a key that was published after the fetch; it is asked for, and no other one.
    const [, claims = '', signature = ''] = presented.authorization.slice(7).split('.');
    for (let count = 0; count < 20; count += 1) {
      const header = Buffer.from(JSON.stringify({ alg: 'RS256', typ: 'at+jwt', kid: `invented-${count}` }));
      const authorization = `Bearer ${header.toString('base64url')}.${claims}.${signature}`;
      await expect(verifier.verify({ authorization })).rejects.toMatchObject({ code: 'invalid_token' });
    }
    expect(fetched).toBe(3);
  });

  it('takes tokens of a key that was published after its first fetch, however many come at once', async () => {
    let fetched = 0;
    const verifier = verifierOf({
      fetch: (input, init) => {
        fetched += 1;
        return fetch(input, init);
      },
    });
    const old = await bearer();
    await verifier.verify(old);
    expect((await server.asAdmin('POST', '/admin/oauth/keys/rotate', { immediate: true })).status).toBe(200);
    const young = await Promise.all(Array.from({ length: 10 }, bearer));
    await Promise.all(young.map((presented) => verifier.verify(presented)));
    await verifier.verify(old);
    expect(fetched).toBe(3);
  });

  it('goes on while the server is away, and says 503 when it never had a key', async () => {
    let away = false;
    const flaky: typeof fetch = async (input, init) => {
      if (away) throw new TypeError('fetch failed');
      return fetch(input, init);
    };
    const presented = await bearer();
    const verifier = verifierOf({ fetch: flaky });
    await verifier.verify(presented);
    away = true;
    verifier.take({ type: 'oauth.key.rotated', data: { kid: 'new' } });
    await expect(verifier.verify(presented)).resolves.toBeDefined();
    await expect(verifierOf({ fetch: flaky }).verify(presented)).rejects.toMatchObject({ status: 503 });
  });

  it('takes tokens that are bound to a key with their proof, once, and not without', async () => {
    const bound = await server.createClient({
      client_name: 'bound',
      scope: 'read:profile',
      audience: [audience],
      dpop_bound_access_tokens: true,
    });
    const tokens = new TokenManager({
      issuer: server.issuer,
      credentials: { clientId: bound.client_id, clientSecret: bound.client_secret },
      dpop: true,
    });
    const request = { method: 'GET', url: `${audience}/orders?page=2` };
    const headers = await tokens.headers('GET', request.url, await tokens.token());
    const presented = { authorization: headers['authorization'], dpop: headers['dpop'], request };
    const verifier = verifierOf();
    await expect(verifier.verify({ ...presented, request: { ...request, method: 'POST' } })).rejects.toMatchObject({
      code: 'invalid_dpop_proof',
    });
    await expect(verifier.verify(presented)).resolves.toMatchObject({ clientId: bound.client_id });
    await expect(verifier.verify(presented)).rejects.toMatchObject({ code: 'invalid_dpop_proof' });
    const asBearer = { authorization: presented.authorization?.replace('DPoP', 'Bearer') };
    await expect(verifier.verify(asBearer)).rejects.toMatchObject({ code: 'invalid_token' });
    await expect(verifier.verify({ authorization: (await bearer()).authorization.replace('Bearer', 'DPoP'), request }))
      .rejects // prettier-ignore
      .toMatchObject({ code: 'invalid_token' });
  });
});

describe('revocation', () => {
  const revoke = (authorization: string) =>
    server.asAdmin('POST', `/admin/oauth/tokens/${claimsOf(authorization)['jti']}/revoke`, { reason: 'test' });

  it('is seen at the next question with introspection', async () => {
    const verifier = verifierOf({ mode: 'introspect', introspection: introspection() });
    const presented = await bearer();
    await expect(verifier.verify(presented)).resolves.toBeDefined();
    await revoke(presented.authorization);
    await expect(verifier.verify(presented)).rejects.toMatchObject({ code: 'invalid_token' });
  });

  it('is seen at once with push, though the answer was remembered', async () => {
    const verifier = verifierOf({ mode: 'push', introspection: introspection() });
    const [presented, other] = [await bearer(), await bearer()];
    await verifier.verify(presented);
    await verifier.verify(other);
    await revoke(presented.authorization);
    await expect(verifier.verify(presented)).resolves.toBeDefined();
    const { jti } = claimsOf(presented.authorization);
    verifier.take({ type: 'oauth.token.revoked', data: { client_id: caller.client_id, jti, reason: 'test' } });
    await expect(verifier.verify(presented)).rejects.toMatchObject({ code: 'invalid_token' });
    await expect(verifier.verify(other)).resolves.toBeDefined();
  });

  it.each([1, '1'])('of a client (epoch %p) takes its tokens away, and leaves those that came after', async (epoch) => {
    const client = await server.createClient({ client_name: 'cut', scope: 'read:profile', audience: [audience] });
    const verifier = verifierOf({ mode: 'push', introspection: introspection() });
    const presented = { authorization: `Bearer ${await server.tokenOf(client)}` };
    await verifier.verify(presented);
    await server.asAdmin('POST', `/admin/oauth/clients/${client.client_id}/revoke-tokens`);
    verifier.take({
      type: 'oauth.token.revoked',
      time: new Date().toISOString(),
      data: { client_id: client.client_id, epoch, reason: 'tokens_revoked' },
    });
    await expect(verifier.verify(presented)).rejects.toMatchObject({ code: 'invalid_token' });
    const later = { authorization: `Bearer ${await server.tokenOf(client)}` };
    await expect(verifier.verify(later)).resolves.toBeDefined();
  });

  it('is asked about when the stream of events is silent', async () => {
    const verifier = verifierOf({ mode: 'push', introspection: introspection(), heartbeatSeconds: 0 });
    const presented = await bearer();
    await verifier.verify(presented);
    await revoke(presented.authorization);
    await expect(verifier.verify(presented)).rejects.toMatchObject({ code: 'invalid_token' });
  });
});

@Controller()
class OrdersController {
  @Get('orders')
  @RequireScope('read:profile')
  list(@Auth() auth: VerifiedToken) {
    return { of: auth.clientId };
  }

  @Get('secret')
  @RequireScope('read:groups')
  secret() {
    return {};
  }

  @Get('health')
  @AllowAnonymous()
  health() {
    return { of: 'anyone' };
  }
}

/** Each answers `GET /orders` with `{of: client_id}`, and `GET /secret` never. */
const frameworks = {
  express: async (verifier: TokenVerifier) => {
    const open = expressRequireToken(verifier, { scope: 'read:profile' });
    const closed = expressRequireToken(verifier, { scope: 'read:groups' });
    const listening = createServer((request, response) => {
      const middleware = request.url === '/secret' ? closed : open;
      middleware(request, response, () => {
        const { auth } = request as unknown as { auth: VerifiedToken };
        response.end(JSON.stringify({ of: auth.clientId }));
      });
    }).listen(0, '127.0.0.1');
    await once(listening, 'listening');
    const close = () => new Promise((resolve) => listening.close(resolve));
    return { url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}`, close };
  },
  fastify: async (verifier: TokenVerifier) => {
    const app = fastify();
    app.decorateRequest('auth');
    const of = (request: unknown) => ({ of: (request as { auth: VerifiedToken }).auth.clientId });
    app.get('/orders', { onRequest: fastifyRequireToken(verifier, { scope: 'read:profile' }) }, of);
    app.get('/secret', { onRequest: fastifyRequireToken(verifier, { scope: 'read:groups' }) }, of);
    return { url: await app.listen({ port: 0, host: '127.0.0.1' }), close: () => app.close() };
  },
  nestjs: async (verifier: TokenVerifier) => {
    class OrdersModule {}
    Module({ imports: [SignetModule.forRoot({ verifier })], controllers: [OrdersController] })(OrdersModule);
    const app = await NestFactory.create<NestFastifyApplication>(OrdersModule, new FastifyAdapter(), { logger: false });
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as AddressInfo;
    expect(await (await fetch(`http://127.0.0.1:${port}/health`)).json()).toEqual({ of: 'anyone' });
    return { url: `http://127.0.0.1:${port}`, close: () => app.close() };
  },
};

describe.each(Object.keys(frameworks) as (keyof typeof frameworks)[])('an API on %s', (framework) => {
  it('serves good tokens, and challenges the others (RFC 6750 §3)', async () => {
    const api = await frameworks[framework](verifierOf());
    const tokens = new TokenManager({
      issuer: server.issuer,
      credentials: { clientId: caller.client_id, clientSecret: caller.client_secret },
    });
    const call = createServiceFetch(tokens, { baseUrl: api.url });
    expect(await (await call('/orders')).json()).toEqual({ of: caller.client_id });
    const refused = await call('/secret');
    expect(refused.status).toBe(403);
    expect(refused.headers.get('www-authenticate')).toContain('error="insufficient_scope"');
    const anonymous = await fetch(`${api.url}/orders`);
    expect([anonymous.status, anonymous.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    await api.close();
  });
});

it('handlers of the Fetch standard serve good tokens, and challenge the others', async () => {
  const verifier = verifierOf();
  const handler = async (request: Request): Promise<Response> => {
    try {
      return Response.json({ of: (await authorize(verifier, request, 'read:profile')).clientId });
    } catch (error) {
      return refusal(error) ?? Response.error();
    }
  };
  const good = await handler(new Request(`${audience}/orders`, { headers: await bearer() }));
  expect(await good.json()).toEqual({ of: caller.client_id });
  expect((await handler(new Request(`${audience}/orders`))).headers.get('www-authenticate')).toBe('Bearer');
});
