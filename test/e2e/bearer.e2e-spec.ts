/**
 * Bearer tokens at this server's own APIs: M-01 for every protected route that the application has, and K-09, K-11, K-13, K-15
 * with tokens signed by foreign keys and by the server's own.
 */
import { createHash, createHmac, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import { RequestMethod } from '@nestjs/common';
import { METHOD_METADATA, PATH_METADATA } from '@nestjs/common/constants.js';
import { MetadataScanner, ModulesContainer } from '@nestjs/core';
import { decodeJwt, decodeProtectedHeader, type JWTPayload } from 'jose';
import { type AccessRule, accessRule } from '../../src/access/index.js';
import { KeyRing } from '../../src/keys/index.js';
import { dpopProof, proofKey } from '../support/dpop.js';
import { lastRawRequest, rawRequest } from '../support/raw-http.js';
import { expectBadToken, expectProblem, expectTooLittleScope, Ledger } from '../support/refusal.js';
import { type Credentials, startServer, type TestServer } from '../support/server.js';

type Header = Record<string, unknown>;

interface Route {
  readonly method: string;
  readonly path: string;
  readonly rule: AccessRule | undefined;
}

const clientsPath = '/admin/oauth/clients';
const form = 'application/x-www-form-urlencoded';

let server: TestServer;
let ledger: Ledger;
/** `admin:full` at the issuer and at `https://api.a`. */
let adm: Credentials;
/** A live token of that client for the issuer. */
let token: string;

beforeAll(async () => {
  server = await startServer();
  ledger = await Ledger.open(server);
  adm = await server.createClient({ client_name: 'ADM', scope: 'admin:full', audience: ['https://api.a'] });
  token = await server.tokenOf(adm, { resource: server.issuer });
});

afterAll(async () => {
  await ledger?.close();
  await server?.stop();
});

afterEach(async () => {
  expect((await use(token)).status).toBe(200);
});

function use(bearer: string, method = 'GET', path = clientsPath): Promise<Response> {
  return server.fetch(path, { method, headers: { authorization: `Bearer ${bearer}` } });
}

/** Every route of the application, with what it declares. */
function routes(): Route[] {
  const scanner = new MetadataScanner();
  const modules = [...server.running.app.get(ModulesContainer).values()];
  return modules.flatMap(({ controllers }) =>
    [...controllers.values()].flatMap(({ metatype }) => {
      const controller = metatype as new () => object;
      const prototype = controller.prototype as Record<string, () => unknown>;
      return scanner.getAllMethodNames(prototype).flatMap((name) => {
        const handler = prototype[name] as () => unknown;
        const method = Reflect.getMetadata(METHOD_METADATA, handler) as RequestMethod | undefined;
        if (method === undefined) return [];
        const base = Reflect.getMetadata(PATH_METADATA, controller) as string;
        const paths = [Reflect.getMetadata(PATH_METADATA, handler) as string | string[]].flat();
        return paths.map((path) => ({
          method: RequestMethod[method],
          path: `/${base}/${path}`.replaceAll(/\/+/g, '/').replace(/(.)\/$/, '$1'),
          rule: accessRule(handler, controller),
        }));
      });
    }),
  );
}

function protectedRoutes(): { method: string; path: string; scope: string }[] {
  return routes().flatMap(({ method, path, rule }) =>
    rule?.kind === 'scope' && rule.openToLoopback !== true
      ? [{ method, path: path.replaceAll(/:\w+/g, 'nobody'), scope: rule.scope }]
      : [],
  );
}

function part(json: unknown): string {
  return Buffer.from(typeof json === 'string' ? json : JSON.stringify(json)).toString('base64url');
}

function headerOf(bearer: string): Header {
  return { ...decodeProtectedHeader(bearer) };
}

/** A JWS of `header` and `claims`, signed with `key`, else by the server itself. */
async function signed(header: Header | string, claims: JWTPayload | string, key?: KeyObject): Promise<string> {
  const input = `${part(header)}.${part(claims)}`;
  const signature =
    key === undefined
      ? await server.running.app.get(KeyRing, { strict: false }).current().sign(input)
      : sign('sha256', Buffer.from(input), key).toString('base64url');
  return `${input}.${signature}`;
}

/** The live token with other header members or claims, signed by the server's own key; `undefined` removes one. */
function altered(header: Header, claims: Record<string, unknown> = {}): Promise<string> {
  const payload: JWTPayload = decodeJwt(token);
  return signed({ ...headerOf(token), ...header }, { ...payload, ...claims });
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

/** Refused with the challenge for a bad token, and nothing else happens. */
async function refusedToken(sent: string | Promise<string>): Promise<void> {
  const bearer = await sent;
  const { response, entry } = await ledger.refused(() => use(bearer), [bearer.split('.')[2] || bearer]);
  await expectBadToken(response);
  expect(entry).toMatchObject({ action: 'access.denied', error: 'invalid_token' });
}

describe('M-01 routes', () => {
  it('every one declares who may call it, and exactly these are public', () => {
    const all = routes();
    expect(all.filter(({ rule }) => rule === undefined)).toEqual([]);
    const open = all.filter(({ rule }) => rule?.kind === 'public').map(({ method, path }) => `${method} ${path}`);
    expect(open.toSorted()).toEqual([
      'GET /.well-known/jwks.json',
      'GET /.well-known/oauth-authorization-server',
      'GET /.well-known/openid-configuration',
      'GET /docs',
      'GET /docs/:file',
      'GET /health/live',
      'GET /health/ready',
      'GET /oauth/public-key',
      'GET /openapi.json',
      'POST /oauth/introspect',
      'POST /oauth/revoke',
      'POST /oauth/token',
    ]);
    const local = all.filter(({ rule }) => rule?.kind === 'scope' && rule.openToLoopback === true);
    expect(local).toEqual([
      { method: 'GET', path: '/metrics', rule: { kind: 'scope', scope: 'admin:system', openToLoopback: true } },
    ]);
    for (const { path, rule } of all) {
      if (path.startsWith('/admin/oauth')) expect(rule).toEqual({ kind: 'scope', scope: 'admin:oauth' });
    }
    expect(protectedRoutes().length).toBeGreaterThanOrEqual(11);
  });

  it('without a token: the bare challenge', async () => {
    for (const { method, path } of protectedRoutes()) {
      for (const headers of [[], [['authorization', 'Basic eDp5']], [['authorization', 'Negotiate x']]] as [
        string,
        string,
      ][][]) {
        const { response, entry } = await ledger.refused(() => server.fetch(path, { method, headers }));
        await expectProblem(response, 401);
        expect(response.headers.get('www-authenticate')).toBe('Bearer');
        expect(response.headers.get('cache-control')).toBe('no-store');
        expect(entry.actor_client_id).toBeNull();
      }
    }
  });

  it('with a token in the query string or the body: the bare challenge', async () => {
    for (const { method, path } of protectedRoutes()) {
      const query = `${path}?access_token=${token}&authorization=Bearer%20${token}`;
      const { response } = await ledger.refused(() => server.fetch(query, { method }), [token]);
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toBe('Bearer');
      if (method !== 'POST' && method !== 'PATCH') continue;
      const headers = { 'content-type': form };
      const body = `access_token=${token}`;
      expect((await server.fetch(path, { method, headers, body })).status).toBe(401);
    }
  });

  it('with garbage, an expired token, and one for somebody else: a bad token', async () => {
    const elsewhere = await server.tokenOf(adm, { resource: 'https://api.a' });
    const expired = await altered({}, { exp: nowSeconds() - 60, iat: nowSeconds() - 660 });
    for (const { method, path } of protectedRoutes()) {
      for (const bearer of ['garbage', 'a.b.c', expired, elsewhere]) {
        const { response } = await ledger.refused(() => use(bearer, method, path), [bearer]);
        await expectBadToken(response);
      }
    }
  });

  it('with too little scope: the scope that is needed', async () => {
    const others = [
      'read:profile',
      'manage:*',
      'admin:users admin:system admin:events',
      'oauth:introspect',
      'state:write',
      '',
    ];
    const clients = await Promise.all(others.map((scope) => server.createClient({ client_name: 'O', scope })));
    const tokens = await Promise.all(clients.map((client) => server.tokenOf(client)));
    for (const { method, path, scope } of protectedRoutes()) {
      if (scope !== 'admin:oauth') continue;
      for (const [index, bearer] of tokens.entries()) {
        const { response, entry } = await ledger.refused(() => use(bearer, method, path));
        await expectTooLittleScope(response, scope);
        expect(entry).toMatchObject({ actor_client_id: clients[index]?.client_id, error: 'insufficient_scope' });
      }
    }
  });

  it('requests of the same moment are not taken for one another', async () => {
    const weak = await server.tokenOf(await server.createClient({ client_name: 'W', scope: 'read:profile' }));
    const elsewhere = await server.tokenOf(adm, { resource: 'https://api.a' });
    const kinds = [
      [token, 200],
      [weak, 403],
      [elsewhere, 401],
      ['garbage', 401],
    ] as const;
    for (let round = 0; round < 10; round += 1) {
      const sent = Array.from({ length: 24 }, (_, index) => kinds[(index * 7 + round) % kinds.length] ?? kinds[0]);
      const statuses = await Promise.all(sent.map(async ([bearer]) => (await use(bearer)).status));
      expect(statuses).toEqual(sent.map(([, status]) => status));
    }
  });

  it('the scope of the token counts, not that of its client', async () => {
    const narrow = await server.tokenOf(adm, { scope: 'admin:users', resource: server.issuer });
    await expectTooLittleScope(await use(narrow), 'admin:oauth');
    const single = await server.tokenOf(adm, { scope: 'admin:oauth', resource: server.issuer });
    expect((await use(single)).status).toBe(200);
  });
});

describe('how the token is sent (RFC 6750 §2.1)', () => {
  it.each(['bearer', 'BEARER', 'Bearer '])('%p is the scheme', async (scheme) => {
    const headers = { authorization: `${scheme} ${token}` };
    expect((await server.fetch(clientsPath, { headers })).status).toBe(200);
  });

  it.each<[string, () => string]>([
    ['no token', () => 'Bearer'],
    ['only blanks', () => 'Bearer   '],
    ['two tokens', () => `Bearer ${token} ${token}`],
    ['a comma', () => `Bearer ${token},${token}`],
    ['a parameter', () => `Bearer token=${token}`],
    ['quotes', () => `Bearer "${token}"`],
    ['over 16 KiB', () => `Bearer ${token}${'A'.repeat(12_000)}`],
  ])('%s', async (_, authorization) => {
    const send = () =>
      rawRequest(server.issuer, [`GET ${clientsPath} HTTP/1.1`, 'Host: x', `Authorization: ${authorization()}`]);
    await expectBadToken((await ledger.refused(send, [token])).response);
  });

  it('two Authorization fields', async () => {
    for (const values of [
      [`Bearer ${token}`, 'Bearer x'],
      ['Bearer x', `Bearer ${token}`],
      [`Bearer ${token}`, 'Basic eDp5'],
    ]) {
      const lines = values.map((value) => `Authorization: ${value}`);
      await expectBadToken(await rawRequest(server.issuer, [`GET ${clientsPath} HTTP/1.1`, 'Host: x', ...lines]));
    }
  });

  it('a header beyond all measure', async () => {
    const lines = [`GET ${clientsPath} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${'A'.repeat(32_768)}`];
    expect((await lastRawRequest(server.issuer, lines)).status).toBe(431);
  });
});

describe('K-09 algorithms', () => {
  it('the control: the live token signed once more is the live token', async () => {
    expect((await use(await altered({}))).status).toBe(200);
  });

  it('a signature that is spelled otherwise: the last character has bits that nothing is made of', async () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const last = alphabet.indexOf(token.at(-1) ?? '');
    for (const stray of [1, 2, 3, 8, 15]) await refusedToken(token.slice(0, -1) + (alphabet[last ^ stray] ?? ''));
  });

  it.each(['none', 'None', 'NONE', 'nOnE', ''])('alg %p, without and with a signature', async (alg) => {
    const unsigned = (await altered({ alg })).split('.').slice(0, 2).join('.');
    await refusedToken(`${unsigned}.`);
    await refusedToken(unsigned);
    await refusedToken(altered({ alg }));
    await refusedToken(`${part({ ...decodeProtectedHeader(token), alg })}.${token.split('.').slice(1).join('.')}`);
  });

  it('HMAC keyed with what is public', async () => {
    const pem = await (await server.fetch('/oauth/public-key')).text();
    const { keys } = (await (await server.fetch('/.well-known/jwks.json')).json()) as { keys: { n: string }[] };
    const secrets = [pem, pem.trim(), `\n${pem}`, JSON.stringify(keys[0]), keys[0]?.n ?? '', ''];
    for (const [alg, digest] of [
      ['HS256', 'sha256'],
      ['HS384', 'sha384'],
      ['HS512', 'sha512'],
    ] as const) {
      for (const secret of secrets) {
        const input = `${part({ ...headerOf(token), alg })}.${part(decodeJwt(token))}`;
        await refusedToken(`${input}.${createHmac(digest, secret).update(input).digest('base64url')}`);
      }
    }
  });

  it.each(['RS384', 'RS512', 'PS256', 'ES256', 'EdDSA', 'rs256', 'RS256 '])('alg %p over an RS256 key', async (alg) => {
    await refusedToken(altered({ alg }));
  });

  it('a foreign key under our kid, under its own, and brought along', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jwk = publicKey.export({ format: 'jwk' });
    const header = decodeProtectedHeader(token) as Header;
    const thumbprint = createHash('sha256')
      .update(JSON.stringify({ e: jwk.e, kty: jwk.kty, n: jwk.n }))
      .digest('base64url');
    for (const change of [
      {},
      { kid: thumbprint },
      { kid: thumbprint, jwk },
      { jwk },
      { jku: `${server.issuer}/.well-known/jwks.json` },
      { jku: 'http://127.0.0.1:9/jwks.json', kid: 'x' },
      { x5c: ['AAAA'] },
      { x5u: 'http://127.0.0.1:9/' },
      { kid: undefined },
    ]) {
      await refusedToken(signed({ ...header, ...change }, decodeJwt(token), privateKey));
    }
  });

  it.each<[string, Header]>([
    ['no kid', { kid: undefined }],
    ['an unknown kid', { kid: 'x' }],
    ['a path as kid', { kid: '../../../../dev/null' }],
    ['SQL as kid', { kid: `' OR '1'='1` }],
    ['a kid that JavaScript knows', { kid: '__proto__' }],
    ['a number as kid', { kid: 1 }],
    ['a list as kid', { kid: ['x'] }],
    ['an unknown critical member', { crit: ['x'], x: 1 }],
    ['an empty crit', { crit: [] }],
    ['b64 false', { crit: ['b64'], b64: false }],
    ['no typ', { typ: undefined }],
    ['typ JWT', { typ: 'JWT' }],
    ['typ of a DPoP proof', { typ: 'dpop+jwt' }],
    ['typ of a logout token', { typ: 'logout+jwt' }],
    ['typ of an audit checkpoint', { typ: 'checkpoint+jwt' }],
    ['a number as typ', { typ: 1 }],
  ])('%s', async (_, header) => {
    await refusedToken(altered(header));
  });

  it('altered parts and other serializations', async () => {
    const [header = '', payload = '', signature = ''] = token.split('.');
    const flipped = `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
    for (const bearer of [
      `${header}.${payload}.${flipped}`,
      `${header}.${part({ ...decodeJwt(token), scope: 'admin:full admin:x' })}.${signature}`,
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${header}..${signature}`,
      `.${payload}.${signature}`,
      `${token}.`,
      `${token}.${signature}`,
      `${header}=.${payload}.${signature}`,
      `${header}.${payload}.${signature}=`,
      `${header}.${payload}.${signature.slice(0, -1)}`,
      `${token}A`,
      '...',
      JSON.stringify({ payload, protected: header, signature }),
    ]) {
      const headers = { authorization: `Bearer ${bearer}` };
      await expectBadToken((await ledger.refused(() => server.fetch(clientsPath, { headers }))).response);
    }
  });

  it('JSON that is no object, or not plain', async () => {
    const claims = JSON.stringify(decodeJwt(token));
    const header = JSON.stringify(decodeProtectedHeader(token));
    await refusedToken(signed(`\ufeff${header}`, claims));
    await refusedToken(signed(header, `\ufeff${claims}`));
    await refusedToken(signed(header, '[]'));
    await refusedToken(signed(header, 'null'));
    await refusedToken(signed('null', claims));
    await refusedToken(signed(header, `${'['.repeat(4_000)}${']'.repeat(4_000)}`));
  });
});

describe('K-11 the audience', () => {
  it('a real token for another API opens nothing here, whatever its scope', async () => {
    const elsewhere = await server.tokenOf(adm, { resource: 'https://api.a' });
    expect(decodeJwt(elsewhere)).toMatchObject({ aud: 'https://api.a', scope: 'admin:full' });
    await refusedToken(elsewhere);
  });

  it('one that names this server among others is taken', async () => {
    const both = await server.tokenOf(adm, [
      ['resource', 'https://api.a'],
      ['resource', server.issuer],
    ]);
    expect(decodeJwt(both).aud).toEqual(['https://api.a', server.issuer]);
    expect((await use(both)).status).toBe(200);
  });

  it.each<[string, () => unknown]>([
    ['another one', () => 'https://api.a'],
    ['with a slash behind', () => `${server.issuer}/`],
    ['in capitals', () => server.issuer.toUpperCase()],
    ['a longer one', () => `${server.issuer}.evil.example`],
    ['the token endpoint', () => `${server.issuer}/oauth/token`],
    ['a list without it', () => ['https://api.a']],
    ['an empty list', () => []],
    ['an empty text', () => ''],
    ['null', () => null],
    ['an object', () => ({ [server.issuer]: true })],
    ['none', () => undefined],
  ])('%s', async (_, aud) => {
    await refusedToken(altered({}, { aud: aud() }));
  });
});

describe('K-13 times and claims', () => {
  it.each<[string, () => Record<string, unknown>]>([
    ['expired beyond the skew', () => ({ exp: nowSeconds() - 6 })],
    ['expired long ago', () => ({ exp: nowSeconds() - 86_400, iat: nowSeconds() - 90_000 })],
    ['not valid yet', () => ({ nbf: nowSeconds() + 70 })],
    ['issued tomorrow', () => ({ iat: nowSeconds() + 86_400 })],
    ['no exp', () => ({ exp: undefined })],
    ['exp as text', () => ({ exp: String(nowSeconds() + 600) })],
    ['exp with a fraction', () => ({ exp: nowSeconds() + 600.5 })],
    ['exp negative', () => ({ exp: -1 })],
    ['exp null', () => ({ exp: null })],
    ['exp beyond all time', () => ({ exp: 1e18 })],
    ['a longer life than was granted', () => ({ exp: (decodeJwt(token).exp ?? 0) + 3600 })],
    ['no iat', () => ({ iat: undefined })],
    ['iat as text', () => ({ iat: 'now' })],
    ['another issuer', () => ({ iss: 'https://evil.example' })],
    ['the issuer with a slash', () => ({ iss: `${server.issuer}/` })],
    ['no issuer', () => ({ iss: undefined })],
    ['no sub', () => ({ sub: undefined })],
    ['no client_id', () => ({ client_id: undefined })],
    ['no scope', () => ({ scope: undefined })],
    ['scope as a list', () => ({ scope: ['admin:full'] })],
    ['no jti', () => ({ jti: undefined })],
    ['an unknown jti', () => ({ jti: randomUUID() })],
    ['a jti that is none', () => ({ jti: `' OR 1=1` })],
    ['jti as a list', () => ({ jti: [decodeJwt(token).jti] })],
  ])('%s', async (_, claims) => {
    await refusedToken(altered({}, claims()));
  });
});

describe('K-15 what is no access token', () => {
  it('assertions, secrets, refresh tokens and other JWTs', async () => {
    const assertion = { iss: adm.client_id, sub: adm.client_id, aud: server.issuer, jti: randomUUID() };
    const times = { iat: nowSeconds(), exp: nowSeconds() + 60 };
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    await refusedToken(signed({ alg: 'RS256', typ: 'JWT' }, { ...assertion, ...times }, privateKey));
    await refusedToken(altered({ typ: 'JWT' }, { ...assertion, ...times }));
    await refusedToken(altered({ typ: 'dpop+jwt' }, { htm: 'GET', htu: `${server.issuer}${clientsPath}`, ...times }));
    await refusedToken(adm.client_secret);
    await refusedToken('signet_rt_AAAAAAAA_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA');
    await refusedToken(dpopProof(proofKey(), 'GET', `${server.issuer}${clientsPath}`));
    await refusedToken(decodeJwt(token).jti ?? '');
  });

  it('a live refresh token, and the assertion that got it', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const client = await server.createClient({
      client_name: 'K',
      scope: 'admin:full',
      grant_types: ['client_credentials', 'refresh_token'],
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [publicKey.export({ format: 'jwk' })] },
    });
    const times = { iat: nowSeconds(), exp: nowSeconds() + 60, jti: randomUUID() };
    const claims = { iss: client.client_id, sub: client.client_id, aud: server.issuer, ...times };
    const assertion = await signed({ alg: 'RS256', typ: 'JWT' }, claims, privateKey);
    const body = new URLSearchParams({
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
    });
    await refusedToken(assertion);
    const answer = await server.fetch('/oauth/token', { method: 'POST', body });
    expect(answer.status).toBe(200);
    const { access_token: granted, refresh_token: refresh } = (await answer.json()) as Record<string, string>;
    expect((await use(granted ?? '')).status).toBe(200);
    await refusedToken(refresh ?? '');
    await refusedToken(assertion);
  });
});

describe('what ends a token ends it at once', () => {
  async function live(): Promise<{ client: Credentials; bearer: string }> {
    const client = await server.createClient({ client_name: 'E', scope: 'admin:oauth' });
    const bearer = await server.tokenOf(client);
    expect((await use(bearer)).status).toBe(200);
    return { client, bearer };
  }

  it('its own revocation, and no other', async () => {
    const { client, bearer } = await live();
    const second = await server.tokenOf(client);
    await ledger.rows('UPDATE access_tokens SET revoked_at = now() WHERE jti = $1', [decodeJwt(bearer).jti]);
    await refusedToken(bearer);
    expect((await use(second)).status).toBe(200);
  });

  it('the disabling of its client; enabling does not revive it', async () => {
    const { client, bearer } = await live();
    const patch = (status: string) => server.asAdmin('PATCH', `${clientsPath}/${client.client_id}`, { status });
    expect((await patch('disabled')).status).toBe(200);
    await refusedToken(bearer);
    expect((await patch('active')).status).toBe(200);
    await refusedToken(bearer);
    expect((await use(await server.tokenOf(client))).status).toBe(200);
  });

  it('the deletion of its client', async () => {
    const { client, bearer } = await live();
    expect((await server.asAdmin('DELETE', `${clientsPath}/${client.client_id}`)).status).toBe(204);
    await refusedToken(bearer);
  });

  it('the epoch of its client', async () => {
    const { client, bearer } = await live();
    await ledger.rows('UPDATE clients SET token_epoch = token_epoch + 1, version = version + 1 WHERE client_id = $1', [
      client.client_id,
    ]);
    await refusedToken(bearer);
    expect((await use(await server.tokenOf(client))).status).toBe(200);
  });

  it('less scope for its client ends no token, but what the next one may', async () => {
    const { client, bearer } = await live();
    const patched = await server.asAdmin('PATCH', `${clientsPath}/${client.client_id}`, { scope: 'read:profile' });
    expect(patched.status).toBe(200);
    expect((await use(bearer)).status).toBe(200);
    await expectTooLittleScope(await use(await server.tokenOf(client)), 'admin:oauth');
  });

  it('the row that is gone', async () => {
    const { bearer } = await live();
    await ledger.rows('DELETE FROM access_tokens WHERE jti = $1', [decodeJwt(bearer).jti]);
    await refusedToken(bearer);
  });

  it('K-07 the revocation of its key, also before the ring has heard of it', async () => {
    const { kid } = decodeProtectedHeader(token);
    await ledger.rows(`UPDATE signing_keys SET status = 'revoked' WHERE kid = $1`, [kid]);
    await expectBadToken(await use(token));
    // There is no active key, so a process that starts makes one.
    await (await startServer({ beside: server })).stop();
    await server.running.app.get(KeyRing, { strict: false }).reload();
    await expectBadToken(await use(token));
    expect(await (await server.fetch('/.well-known/jwks.json')).text()).not.toContain(kid);
    token = await server.tokenOf(adm, { resource: server.issuer });
    expect(decodeProtectedHeader(token).kid).not.toBe(kid);
  });
});
