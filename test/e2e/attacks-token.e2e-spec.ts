/**
 * The attack checks T-* of the token endpoint: each refusal is one answer, one line in the audit log, and nothing else.
 */
import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { decodeJwt } from 'jose';
import { lastRawRequest, rawRequest } from '../support/raw-http.js';
import { expectInvalidClient, expectOAuthError, Ledger } from '../support/refusal.js';
import { basic, type Credentials, startServer, type TestServer } from '../support/server.js';

const form = 'application/x-www-form-urlencoded';

let server: TestServer;
let ledger: Ledger;
/** May ask for `read:profile read:features` at `https://api.a`. */
let a: Credentials;
/** May ask for `manage:*`. */
let manager: Credentials;
/** The answer to a body that stays unfinished; it takes the server's time-out, so it is begun first. */
let endless: Promise<Response>;

beforeAll(async () => {
  server = await startServer();
  endless = lastRawRequest(
    server.issuer,
    Buffer.from(
      `POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Type: ${form}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\ng\r\n`,
    ),
  );
  ledger = await Ledger.open(server);
  a = await server.createClient({
    client_name: 'A',
    scope: 'read:profile read:features',
    audience: ['https://api.a'],
  });
  manager = await server.createClient({ client_name: 'M', scope: 'manage:*' });
});

afterAll(async () => {
  await ledger?.close();
  await server?.stop();
});

afterEach(async () => {
  // Whatever was sent, the next one is served.
  expect((await server.requestToken(a)).status).toBe(200);
  expect((await server.fetch('/health/ready')).status).toBe(200);
});

/** Sends `body` as client A; `headers` add to the usual ones or replace them. */
function post(body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}): Promise<Response> {
  return server.fetch('/oauth/token', {
    method: 'POST',
    headers: { 'content-type': form, authorization: basic(a), ...headers },
    body,
  });
}

/** A refused request of client A: the answer, one audit entry, no secret anywhere. */
async function refused(send: () => Promise<Response>): Promise<Response> {
  const { response, entry } = await ledger.refused(send, [a.client_secret, basic(a)]);
  expect(entry.action).toBe('token.denied');
  return response;
}

async function scopeOf(response: Response): Promise<string> {
  expect(response.status).toBe(200);
  const { access_token, scope } = (await response.json()) as { access_token: string; scope: string };
  expect(decodeJwt(access_token)['scope']).toBe(scope);
  return scope;
}

const grant = 'grant_type=client_credentials';

describe('T-01 other methods than POST', () => {
  const query = () => new URLSearchParams({ grant_type: 'client_credentials', ...a }).toString();

  it.each(['GET', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('%s with credentials in the query string', async (method) => {
    const response = await refused(() => server.fetch(`/oauth/token?${query()}`, { method }));
    await expectOAuthError(response, 405, 'invalid_request');
    expect(response.headers.get('allow')).toBe('POST');
  });

  it('HEAD', async () => {
    const response = await refused(() => server.fetch(`/oauth/token?${query()}`, { method: 'HEAD' }));
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('POST');
    expect(await response.text()).toBe('');
  });

  it.each(['PUT', 'PATCH'])('%s with a form', async (method) => {
    const headers = { 'content-type': form, authorization: basic(a) };
    const response = await refused(() => server.fetch('/oauth/token', { method, headers, body: grant }));
    await expectOAuthError(response, 405, 'invalid_request');
    expect(response.headers.get('allow')).toBe('POST');
  });

  it('POST with everything in the query string', async () => {
    const send = () =>
      server.fetch(`/oauth/token?${query()}`, { method: 'POST', headers: { 'content-type': form }, body: grant });
    await expectInvalidClient(await refused(send));
    const withHeader = () =>
      server.fetch(`/oauth/token?${query()}`, {
        method: 'POST',
        headers: { 'content-type': form, authorization: basic(a) },
      });
    await expectOAuthError(await refused(withHeader), 400, 'invalid_request');
  });
});

describe('T-03 content types', () => {
  it.each([
    `${form}; charset=UTF-8`,
    `${form};charset="utf-8"`,
    `${form};`,
    `${form}; `,
    form.toUpperCase(),
    `${form};foo=bar`,
  ])('%p is a form', async (type) => {
    expect(await scopeOf(await post(`${grant}&scope=read:profile`, { 'content-type': type }))).toBe('read:profile');
    await expectOAuthError(
      await refused(() => post(`${grant}&scope=admin:full`, { 'content-type': type })),
      400,
      'invalid_scope',
    );
  });

  it.each([
    'multipart/form-data; boundary=x',
    'text/plain',
    'application/json',
    `${form}; charset=utf-16`,
    `${form}; charset=iso-8859-1`,
    `${form}, application/json`,
    'application/x-www-form-urlencoded-ish',
    'application',
    '/',
    '*/*',
    ';',
    'application/ x-www-form-urlencoded',
    '\u00e9/\u00e9',
  ])('%p is none', async (type) => {
    await expectOAuthError(await refused(() => post(grant, { 'content-type': type })), 400, 'invalid_request');
  });

  it.each([
    ['a tab behind the type', `Content-Type: ${form}\t`],
    ['a tab in front', `Content-Type:\t${form}`],
  ])('with %s', async (_, header) => {
    const response = await rawRequest(server.issuer, [
      'POST /oauth/token HTTP/1.1',
      'Host: x',
      header,
      `Authorization: ${basic(a)}`,
      'Content-Length: 48',
      '',
      `${grant}&scope=read:profile`,
    ]);
    expect(await scopeOf(response)).toBe('read:profile');
  });

  it.each([
    ['without a type', []],
    ['with an empty type', ['Content-Type:']],
    ['with two types', [`Content-Type: ${form}`, 'Content-Type: text/plain']],
    ['with two types the other way round', ['Content-Type: text/plain', `Content-Type: ${form}`]],
  ])('%s', async (_, headers) => {
    const send = () => {
      return rawRequest(server.issuer, [
        'POST /oauth/token HTTP/1.1',
        'Host: x',
        ...headers,
        `Authorization: ${basic(a)}`,
        `Content-Length: ${grant.length}`,
        '',
        grant,
      ]);
    };
    await expectOAuthError(await refused(send), 400, 'invalid_request');
  });

  it.each(['gzip', 'deflate', 'br', 'GZIP', 'identity, gzip'])('a body coded as %s', async (coding) => {
    const body = Uint8Array.from(gzipSync(grant));
    const response = await refused(() => post(body, { 'content-encoding': coding }));
    await expectOAuthError(response, 415, 'invalid_request');
  });

  it('a body that says it is not coded', async () => {
    expect((await post(grant, { 'content-encoding': 'identity' })).status).toBe(200);
  });
});

describe('T-05 repeated parameters', () => {
  const once: Record<string, string> = {
    grant_type: 'client_credentials',
    scope: 'read:profile',
    client_id: '',
    client_secret: '',
    client_assertion: 'a.b.c',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    refresh_token: 'signet_rt_x',
  };

  it.each(
    Object.keys(once).flatMap((name) => [
      [name, 'equal'],
      [name, 'different'],
      [name, 'empty'],
    ]),
  )('%s twice, %s', async (name, kind) => {
    const inForm = name === 'client_secret' || name === 'client_id';
    const parameters: [string, string][] = [['grant_type', 'client_credentials']];
    if (inForm) parameters.push(['client_id', a.client_id], ['client_secret', a.client_secret]);
    const first = inForm ? a[name] : (once[name] ?? '');
    if (!parameters.some(([known]) => known === name)) parameters.push([name, first]);
    parameters.push([name, kind === 'equal' ? first : kind === 'empty' ? '' : `${first}x`]);
    const headers: Record<string, string> = inForm ? {} : { authorization: basic(a) };
    const send = () => server.fetch('/oauth/token', { method: 'POST', headers, body: new URLSearchParams(parameters) });
    await expectOAuthError(await refused(send), 400, 'invalid_request');
  });

  it('resource and audience may be repeated', async () => {
    const body = `${grant}&resource=https://api.a&resource=https://api.a&audience=https://api.a`;
    const { access_token } = (await (await post(body)).json()) as { access_token: string };
    expect(decodeJwt(access_token).aud).toBe('https://api.a');
  });
});

describe('T-07 names that mean something to JavaScript', () => {
  it.each([
    '__proto__[scope]=admin:full',
    '__proto__=admin:full',
    '__proto__.scope=admin:full',
    'constructor.prototype.client_id=admin',
    'constructor[prototype][scope]=admin:full',
    'scope[]=admin:full',
    'scope[0]=admin:full',
    'toString=x&hasOwnProperty=y',
  ])('%s is ignored', async (parameter) => {
    expect(await scopeOf(await post(`${parameter}&${grant}`))).toBe('read:profile read:features');
    const encoded = encodeURIComponent(parameter.split('=', 1)[0] ?? '');
    expect(await scopeOf(await post(`${grant}&${encoded}=admin:full`))).toBe('read:profile read:features');
    expect(await scopeOf(await post(grant))).toBe('read:profile read:features');
  });
});

it('T-09 unknown parameters are ignored', async () => {
  expect(await scopeOf(await post(`foo=bar&${grant}&scope=read:profile`))).toBe('read:profile');
});

it('T-05 a parameter comes once, whatever it is', async () => {
  await expectOAuthError(await refused(() => post(`foo=bar&${grant}&foo=baz`)), 400, 'invalid_request');
});

describe('T-11 other grants', () => {
  it('one that is not registered for the client', async () => {
    const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'x' }).toString();
    await expectOAuthError(await refused(() => post(body)), 400, 'unauthorized_client');
  });

  it.each([
    'authorization_code',
    'password',
    'urn:ietf:params:oauth:grant-type:token-exchange',
    'urn:ietf:params:oauth:grant-type:jwt-bearer',
    'CLIENT_CREDENTIALS',
    'client_credentials ',
    '__proto__',
    'constructor',
    'x'.repeat(10_000),
  ])('%p', async (grantType) => {
    const body = new URLSearchParams({ grant_type: grantType, refresh_token: 'x', scope: 'read:profile' }).toString();
    const response = await refused(() => post(body));
    await expectOAuthError(response, 400, 'unsupported_grant_type');
  });
});

describe('T-13 malformed scopes', () => {
  it.each([
    ['double space', 'read:profile++read:features'],
    ['leading space', '+read:profile'],
    ['trailing space', 'read:profile+'],
    ['only a space', '+'],
    ['tab', 'read:profile%09read:features'],
    ['line feed', 'read:profile%0Aread:features'],
    ['NUL', 'read:profile%00'],
    ['DEL', 'read:profile%7F'],
    ['quotation mark', 'read:%22profile'],
    ['backslash', 'read:%5Cprofile'],
    ['letter outside ASCII', 'read:profil%C3%A9'],
    ['full-width letter', '%EF%BD%92ead:profile'],
    ['unencoded letter outside ASCII', 'read:profilé'],
  ])('%s', async (_, scope) => {
    await expectOAuthError(await refused(() => post(`${grant}&scope=${scope}`)), 400, 'invalid_scope');
  });

  it.each([
    ['overlong UTF-8', '%C0%80'],
    ['a surrogate', '%ED%A0%80'],
    ['a cut sequence', '%E2%82'],
    ['a broken escape', '%zz'],
    ['a cut escape', '%2'],
  ])('%s never reaches the scope', async (_, scope) => {
    await expectOAuthError(await refused(() => post(`${grant}&scope=read:profile${scope}`)), 400, 'invalid_scope');
  });

  it('bytes that are no UTF-8', async () => {
    const body = Uint8Array.from([...Buffer.from(`${grant}&scope=read:profile`), 0xff, 0xfe]);
    const response = await refused(() => post(body));
    await expectOAuthError(response, 400, 'invalid_request');
  });
});

describe('T-15 wildcards cover what is registered, and nothing else', () => {
  it.each([
    'manage:unregistered',
    'manage:',
    'manage:*:x',
    '*',
    '**',
    ':*',
    'manage:**',
    'manage',
    'manage:../admin:full',
    'manage:* admin:full',
    'MANAGE:*',
    'admin:*',
    'read:profile',
  ])('%s', async (scope) => {
    const send = () => server.requestToken(manager, { scope });
    await expectOAuthError((await ledger.refused(send, [manager.client_secret])).response, 400, 'invalid_scope');
  });

  it('a registered one is covered', async () => {
    expect((await server.asAdmin('POST', '/admin/oauth/scopes', { name: 'manage:t15' })).status).toBe(201);
    expect(await scopeOf(await server.requestToken(manager, { scope: 'manage:t15' }))).toBe('manage:t15');
    expect((await server.asAdmin('DELETE', '/admin/oauth/scopes/manage:t15')).status).toBe(204);
    await expectOAuthError(await server.requestToken(manager, { scope: 'manage:t15' }), 400, 'invalid_scope');
  });
});

it('T-17 the same scope 500 times is one scope', async () => {
  const scope = Array.from({ length: 500 }, () => 'read:profile').join(' ');
  const response = await post(new URLSearchParams({ grant_type: 'client_credentials', scope }).toString());
  const { access_token, scope: granted } = (await response.json()) as { access_token: string; scope: string };
  expect(granted).toBe('read:profile');
  expect(access_token.length).toBeLessThan(2048);
});

describe('T-19 the issuer as a resource', () => {
  it.each(['resource', 'audience'])('%s, without a scope of this server', async (name) => {
    const send = () =>
      post(
        new URLSearchParams([
          ['grant_type', 'client_credentials'],
          [name, server.issuer],
        ]).toString(),
      );
    await expectOAuthError(await refused(send), 400, 'invalid_target');
  });

  it('hidden behind an allowed resource', async () => {
    const send = () => post(`${grant}&resource=https://api.a&audience=${encodeURIComponent(server.issuer)}`);
    await expectOAuthError(await refused(send), 400, 'invalid_target');
  });

  it('even where the audience of the client names it', async () => {
    const client = await server.createClient({ client_name: 'T', scope: 'read:profile', audience: [server.issuer] });
    const send = () => server.requestToken(client, { resource: server.issuer });
    await expectOAuthError((await ledger.refused(send, [client.client_secret])).response, 400, 'invalid_target');
  });
});

describe('T-21 bodies', () => {
  const padded = (length: number) => `${grant}&x=`.padEnd(length, 'x');

  it('64 KiB are taken', async () => {
    expect((await post(padded(65_536))).status).toBe(200);
  });

  it('one byte more is not', async () => {
    await expectOAuthError(await refused(() => post(padded(65_537))), 413, 'invalid_request');
  });

  it('one byte more in chunks is not', async () => {
    const chunk = `10001\r\n${padded(65_537)}\r\n0\r\n\r\n`;
    const head = [
      'POST /oauth/token HTTP/1.1',
      'Host: x',
      `Content-Type: ${form}`,
      `Authorization: ${basic(a)}`,
      'Transfer-Encoding: chunked',
      '',
      '',
    ].join('\r\n');
    const send = () => rawRequest(server.issuer, Buffer.from(head + chunk));
    await expectOAuthError(await refused(send), 413, 'invalid_request');
  });

  it.each([
    ['Content-Length and Transfer-Encoding', ['Content-Length: 29', 'Transfer-Encoding: chunked']],
    ['two lengths', ['Content-Length: 29', 'Content-Length: 28']],
    ['a length that is none', ['Content-Length: +29']],
    ['a list of lengths', ['Content-Length: 29, 29']],
    ['an unknown transfer coding', ['Transfer-Encoding: gzip']],
    ['chunked not last', ['Transfer-Encoding: chunked, gzip']],
    ['a blank in front of the colon', ['Content-Length : 29']],
    ['a folded line', ['X-A: b', ' c', 'Content-Length: 29']],
    ['NUL in a header', ['X-A: b\0c', 'Content-Length: 29']],
  ])('%s is answered once, and the connection closed', async (_, headers) => {
    const { result, entries } = await ledger.entriesOf(() =>
      lastRawRequest(server.issuer, [
        'POST /oauth/token HTTP/1.1',
        'Host: x',
        `Content-Type: ${form}`,
        `Authorization: ${basic(a)}`,
        ...headers,
        '',
        grant,
      ]),
    );
    await expectOAuthError(result, 400, 'invalid_request');
    expect(entries.filter(({ success }) => success)).toEqual([]);
  });

  it.each(['gzip, chunked', 'x, chunked', 'chunked, chunked', 'identity, chunked'])(
    'T-21: the transfer coding %s is not taken for chunked, and the connection closed',
    async (coding) => {
      const head = [
        'POST /oauth/token HTTP/1.1',
        'Host: x',
        `Content-Type: ${form}`,
        `Authorization: ${basic(a)}`,
        `Transfer-Encoding: ${coding}`,
      ];
      const { result, entries } = await ledger.entriesOf(() =>
        lastRawRequest(server.issuer, [...head, '', grant.length.toString(16), grant, '0', '', '']),
      );
      expect([400, 415]).toContain(result.status);
      await expectOAuthError(result, result.status, 'invalid_request');
      expect(entries.filter(({ success }) => success)).toEqual([]);
    },
  );

  it('a body that does not end', async () => {
    const response = await endless;
    expect(response.status).toBe(408);
  });

  it.each([100, 101])('%i parameters', async (count) => {
    const extra = Array.from({ length: count - 1 }, (_, index) => `p${index}=`).join('&');
    if (count <= 100) expect((await post(`${grant}&${extra}`)).status).toBe(200);
    else await expectOAuthError(await refused(() => post(`${grant}&${extra}`)), 400, 'invalid_request');
  });
});

describe('T-25 headers', () => {
  it('an Authorization of 32 KiB', async () => {
    const response = await lastRawRequest(server.issuer, [
      'POST /oauth/token HTTP/1.1',
      'Host: x',
      `Authorization: Basic ${'A'.repeat(32_768)}`,
      'Content-Length: 0',
    ]);
    expect(response.status).toBe(431);
    expect(response.headers.get('x-request-id')).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
  });

  it('300 header fields', async () => {
    const send = () => {
      return rawRequest(server.issuer, [
        'POST /oauth/token HTTP/1.1',
        'Host: x',
        `Content-Type: ${form}`,
        `Authorization: ${basic(a)}`,
        ...Array.from({ length: 300 }, (_, index) => `X-${index}: 1`),
        `Content-Length: ${grant.length}`,
        '',
        grant,
      ]);
    };
    await expectOAuthError(await refused(send), 431, 'invalid_request');
  });
});

it('T-27 nothing that a request says about hosts reaches a token, the metadata or a Location', async () => {
  const evil = ['Host: evil.example', 'X-Forwarded-Host: evil.example', 'Forwarded: host=evil.example;proto=https'];
  const token = await rawRequest(server.issuer, [
    'POST /oauth/token HTTP/1.1',
    ...evil,
    `Content-Type: ${form}`,
    `Authorization: ${basic(a)}`,
    `Content-Length: ${grant.length}`,
    '',
    grant,
  ]);
  const { access_token } = (await token.json()) as { access_token: string };
  expect(decodeJwt(access_token).iss).toBe(server.issuer);

  const metadata = await rawRequest(server.issuer, ['GET /.well-known/oauth-authorization-server HTTP/1.1', ...evil]);
  const document = await metadata.text();
  expect(JSON.parse(document)).toMatchObject({ issuer: server.issuer });
  expect(document).not.toContain('evil');

  const body = JSON.stringify({ client_name: 'T-27', client_id: `t27-${randomBytes(4).toString('hex')}` });
  const created = await rawRequest(server.issuer, [
    'POST /admin/oauth/clients HTTP/1.1',
    ...evil,
    'Content-Type: application/json',
    `Authorization: Bearer ${await server.adminToken()}`,
    `Content-Length: ${body.length}`,
    '',
    body,
  ]);
  expect(created.status).toBe(201);
  expect(created.headers.get('location')?.startsWith(`${server.issuer}/admin/oauth/clients/t27-`)).toBe(true);
});

it('K-01 tokens: every jti differs, nothing secret inside, under 2 KiB', async () => {
  const tokens = await Promise.all(Array.from({ length: 200 }, () => server.tokenOf(a)));
  expect(new Set(tokens.map((token) => decodeJwt(token).jti)).size).toBe(tokens.length);
  for (const token of tokens) {
    expect(token.length).toBeLessThan(2048);
    expect(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).not.toContain(a.client_secret);
  }
});
