/**
 * The conventions of the HTTP contract that hold on every path, and the checks H-01, H-03, L-07, U-07 and K-05.
 */
import { gzipSync } from 'node:zlib';
import { Postgres } from '../../src/database/index.js';
import { lastRawRequest, rawRequest } from '../support/raw-http.js';
import { expectOAuthError, expectProblem, Ledger } from '../support/refusal.js';
import { basic, startServer, type TestServer } from '../support/server.js';

const clientsPath = '/admin/oauth/clients';
const form = 'application/x-www-form-urlencoded';

let server: TestServer;
let ledger: Ledger;

beforeAll(async () => {
  server = await startServer();
  ledger = await Ledger.open(server);
});

afterAll(async () => {
  await ledger?.close();
  await server?.stop();
});

function raw(...lines: string[]): Promise<Response> {
  return rawRequest(server.issuer, lines);
}

/** As `raw`; and the connection must end with the answer. */
function lastRaw(...lines: string[]): Promise<Response> {
  return lastRawRequest(server.issuer, lines);
}

function expectFixedHeaders({ headers }: Response): void {
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(headers.get('referrer-policy')).toBe('no-referrer');
  expect(headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'");
  expect(headers.get('x-request-id')).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
  expect(headers.has('x-powered-by')).toBe(false);
  expect(headers.has('server')).toBe(false);
  expect(headers.has('set-cookie')).toBe(false);
  expect(headers.has('access-control-allow-origin')).toBe(false);
  // The issuer of this server is no https one.
  expect(headers.has('strict-transport-security')).toBe(false);
}

describe('H-01 every answer', () => {
  const requests: [string, () => Promise<Response>][] = [
    ['a token', () => server.requestToken(server.admin)],
    ['a refused token', () => server.requestToken({ client_id: 'x', client_secret: 'x' })],
    ['the JWKS', () => server.fetch('/.well-known/jwks.json')],
    ['the metadata', () => server.fetch('/.well-known/oauth-authorization-server')],
    ['the public key', () => server.fetch('/oauth/public-key')],
    ['liveness', () => server.fetch('/health/live')],
    ['readiness', () => server.fetch('/health/ready')],
    ['a list', () => server.asAdmin('GET', clientsPath)],
    ['a list without a token', () => server.fetch(clientsPath)],
    ['an unknown path', () => server.fetch('/nothing')],
    ['a wrong method', () => server.fetch('/oauth/token')],
    ['a bad URL', () => server.fetch('/%zz')],
    ['malformed HTTP', () => raw('GET / HTTP/1.1', 'Host x')],
    ['HTTP without Host', () => raw('GET /health/live HTTP/1.1')],
    ['an expectation', () => raw('GET /health/live HTTP/1.1', 'Host: x', 'Expect: tea')],
    ['a tunnel', () => raw('CONNECT x:443 HTTP/1.1', 'Host: x')],
    ['an oversized header', () => raw('GET / HTTP/1.1', 'Host: x', `A: ${'a'.repeat(20_000)}`)],
  ];

  it.each(requests)('%s has the security headers', async (_, request) => {
    expectFixedHeaders(await request());
  });

  it('304 has them too', async () => {
    for (const path of ['/.well-known/jwks.json', '/.well-known/oauth-authorization-server']) {
      const etag = (await server.fetch(path)).headers.get('etag');
      if (etag === null) continue;
      const again = await server.fetch(path, { headers: { 'if-none-match': etag } });
      expect(again.status).toBe(304);
      expect(await again.text()).toBe('');
      expectFixedHeaders(again);
    }
  });

  it.each([
    ['POST', '/oauth/token'],
    ['GET', '/oauth/token'],
    ['GET', '/oauth/unknown'],
    ['GET', '/oauth/public-key'],
    ['GET', clientsPath],
    ['GET', '/admin/oauth/scopes'],
    ['GET', '/admin/unknown'],
    ['PUT', clientsPath],
    ['GET', '/admin'],
  ])('%s %s is not stored', async (method, path) => {
    expect((await server.fetch(path, { method })).headers.get('cache-control')).toBe('no-store');
  });
});

describe('paths and methods', () => {
  it.each([
    '/',
    '/nothing',
    '/admin',
    '/admin/',
    '/admin/oauth',
    '/oauth',
    '/oauthx/token',
    '/.well-known',
    '/OAuth/token',
  ])('%s is unknown', async (path) => {
    await expectProblem(await server.fetch(path), 404);
  });

  it.each(['/oauth/', '/oauth/unknown', '/oauth/token/', '/oauth/token/x', '/oauth/TOKEN'])(
    '%s is unknown, in the words of OAuth',
    async (path) => {
      await expectOAuthError(await server.fetch(path, { method: 'POST' }), 404, 'invalid_request');
    },
  );

  it.each([
    ['GET', '/oauth/token', 'POST'],
    ['POST', '/oauth/public-key', 'GET, HEAD'],
    ['POST', '/.well-known/jwks.json', 'GET, HEAD'],
    ['DELETE', '/.well-known/jwks.json', 'GET, HEAD'],
    ['POST', '/.well-known/oauth-authorization-server', 'GET, HEAD'],
    ['POST', '/.well-known/openid-configuration', 'GET, HEAD'],
    ['POST', '/health/live', 'GET, HEAD'],
    ['PUT', clientsPath, 'GET, HEAD, POST'],
    ['POST', `${clientsPath}/x`, 'DELETE, GET, HEAD, PATCH'],
    ['GET', `${clientsPath}/x/regenerate-secret`, 'POST'],
    ['GET', `${clientsPath}/x/secrets/y`, 'DELETE'],
    ['DELETE', '/admin/oauth/scopes', 'GET, HEAD, POST'],
    ['OPTIONS', '/oauth/token', 'POST'],
    ['OPTIONS', clientsPath, 'GET, HEAD, POST'],
  ])('%s %s is a 405 that allows %s', async (method, path, allow) => {
    for (const body of [undefined, 'x=y']) {
      if (body !== undefined && ['GET', 'DELETE', 'OPTIONS'].includes(method)) continue;
      const headers: Record<string, string> = body === undefined ? {} : { 'content-type': form };
      const response = await server.fetch(path, { method, headers, ...(body === undefined ? {} : { body }) });
      if (path.startsWith('/oauth/')) await expectOAuthError(response, 405, 'invalid_request');
      else await expectProblem(response, 405);
      expect(response.headers.get('allow')).toBe(allow);
    }
  });

  it.each(['TRACE', 'PROPFIND', 'MKCOL', 'PURGE'])('H-03 %s is a 405 everywhere', async (method) => {
    for (const path of ['/', '/oauth/token', clientsPath, '/.well-known/jwks.json', '/health/live']) {
      const response = await raw(`${method} ${path} HTTP/1.1`, 'Host: x', 'X-Secret: shibboleth');
      expect(response.status).toBe(405);
      expect(response.headers.has('allow')).toBe(true);
      expect(await response.text()).not.toContain('shibboleth');
    }
  });

  it('H-03 QUERY, of which the framework wants a Content-Type, is a 405 with and without one', async () => {
    const bodies = [
      [],
      ['Content-Type: application/json'],
      ['Content-Type: text/plain', 'Content-Length: 2', '', '{}'],
    ];
    for (const path of ['/', '/nothing', '/oauth/token', '/oauth/nothing', clientsPath, '/health/live']) {
      for (const body of bodies) {
        const response = await raw(`QUERY ${path} HTTP/1.1`, 'Host: x', ...body);
        if (path.startsWith('/oauth/')) await expectOAuthError(response, 405, 'invalid_request');
        else await expectProblem(response, 405);
        expect(response.headers.has('allow')).toBe(true);
      }
    }
    expect((await raw('QUERY /oauth/token HTTP/1.1', 'Host: x')).headers.get('allow')).toBe('POST');
  });

  it('H-03 CONNECT is a 405, and the connection is closed', async () => {
    for (const target of ['127.0.0.1:22', '/oauth/token']) {
      const response = await lastRaw(`CONNECT ${target} HTTP/1.1`, 'Host: x');
      expect(response.status).toBe(405);
      expect(response.headers.has('allow')).toBe(true);
    }
  });

  it('a method that is none', async () => {
    const response = await lastRaw('BREW / HTTP/1.1', 'Host: x');
    await expectProblem(response, 400);
  });

  it('HEAD answers as GET does, without the body', async () => {
    for (const path of ['/.well-known/jwks.json', '/.well-known/oauth-authorization-server', '/health/live']) {
      const [got, head] = [await server.fetch(path), await server.fetch(path, { method: 'HEAD' })];
      expect(head.status).toBe(200);
      expect(head.headers.get('content-type')).toBe(got.headers.get('content-type'));
      expect(head.headers.get('cache-control')).toBe(got.headers.get('cache-control'));
      expect(head.headers.get('etag')).toBe(got.headers.get('etag'));
      expect(await head.text()).toBe('');
    }
    expect((await server.fetch(clientsPath, { method: 'HEAD' })).status).toBe(401);
  });

  it('other spellings of a path lead to the same guard, or nowhere', async () => {
    const spellings = [
      '/admin/oauth/client%73',
      '/%61dmin/oauth/clients',
      '/admin/%6Fauth/clients',
      '/admin%2Foauth%2Fclients',
      '//admin/oauth/clients',
      '/admin//oauth/clients',
      '/admin/oauth/clients/',
      '/admin/oauth/clients;x=y',
      '/admin/oauth/./clients',
      '/admin/oauth/x/../clients',
      '/oauth/token/../../admin/oauth/clients',
      '/oauth/token%2F..%2F..%2Fadmin/oauth/clients',
      '/health/live/..;/admin/oauth/clients',
      '/ADMIN/OAUTH/CLIENTS',
      '/admin/oauth/clients%00',
      '/admin/oauth/clients%3Fx',
      '/admin/oauth/clients#x',
      '\\admin\\oauth\\clients',
      'http://evil.example/admin/oauth/clients',
      '/admin/oauth/clients?access_token=x',
    ];
    for (const target of spellings) {
      const response = await raw(`GET ${target} HTTP/1.1`, 'Host: x');
      expect([target, 400, 401, 404]).toContain(response.status);
    }
    const response = await raw('GET /%6Fauth/token HTTP/1.1', 'Host: x');
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('POST');
  });

  it.each(['/%', '/%zz', '/%C0%AF', '/oauth/%E0%A4%A', `${clientsPath}/%ff`])('%s is no URL', async (target) => {
    const response = await raw(
      `GET ${target} HTTP/1.1`,
      'Host: x',
      `Authorization: Bearer ${await server.adminToken()}`,
    );
    expect([400, 404]).toContain(response.status);
  });

  it('a long path', async () => {
    const response = await server.asAdmin('GET', `${clientsPath}/${'x'.repeat(5_000)}`);
    expect([404, 414]).toContain(response.status);
    expect((await server.fetch(`/${'x'.repeat(10_000)}`)).status).toBe(404);
  });

  it('OPTIONS * and the absolute form of a target', async () => {
    const response = await raw('OPTIONS * HTTP/1.1', 'Host: x');
    expect([400, 404, 405]).toContain(response.status);
    const absolute = await raw('GET http://anything.example/health/live HTTP/1.1', 'Host: anything.example');
    expect(absolute.status).toBe(200);
  });
});

describe('bodies', () => {
  async function send(
    body: string | Uint8Array<ArrayBuffer>,
    headers: Record<string, string> = {},
    method = 'POST',
    path = clientsPath,
  ) {
    const authorization = `Bearer ${await server.adminToken()}`;
    return server.fetch(path, {
      method,
      headers: { authorization, 'content-type': 'application/json', ...headers },
      body,
    });
  }

  it.each(['GET', 'HEAD', 'DELETE', 'OPTIONS'])('M-19 %s takes none', async (method) => {
    for (const path of [clientsPath, `${clientsPath}/nobody`, '/.well-known/jwks.json', '/oauth/token']) {
      for (const framing of [
        ['Content-Length: 2', '', '{}'],
        ['Transfer-Encoding: chunked', '', '0'],
      ]) {
        const response = await raw(
          `${method} ${path} HTTP/1.1`,
          'Host: x',
          `Authorization: Bearer ${await server.adminToken()}`,
          'Content-Type: application/json',
          ...framing,
        );
        expect([400, 405]).toContain(response.status);
      }
    }
  });

  it.each([
    ['text/plain', 'POST'],
    [form, 'POST'],
    ['multipart/form-data; boundary=x', 'POST'],
    ['application/xml', 'POST'],
    ['application/json-patch+json', 'PATCH'],
    ['application/merge-patch+json', 'POST'],
    ['text/plain', 'PATCH'],
    [form, 'PATCH'],
    ['application/jsonp', 'POST'],
    ['json', 'POST'],
    [';', 'POST'],
  ])('M-19 %s is not taken by %s', async (type, method) => {
    const path = method === 'PATCH' ? `${clientsPath}/admin` : clientsPath;
    const { response, entry } = await ledger.refused(() =>
      send('{"client_name":"x"}', { 'content-type': type }, method, path),
    );
    await expectProblem(response, 415);
    expect(entry.action).toBe(method === 'PATCH' ? 'client.updated' : 'client.created');
  });

  it.each(['application/json', 'application/json; charset=utf-8', 'APPLICATION/JSON', 'application/json;'])(
    '%s is JSON',
    async (type) => {
      expect((await send('{"client_name":"x"}', { 'content-type': type })).status).toBe(201);
    },
  );

  it.each(['gzip', 'br', 'deflate', 'zstd', 'x-gzip'])('%s is not unpacked', async (coding) => {
    const packed = Uint8Array.from(gzipSync('{"client_name":"x"}'));
    await expectProblem(await send(packed, { 'content-encoding': coding }), 415);
  });

  it('over 1 MiB is too large, exactly 1 MiB is not', async () => {
    const padded = (length: number) => `{"client_name":"${'x'.repeat(length - 18)}"}`;
    await expectProblem(await send(padded(1_048_577)), 413);
    await expectProblem(await send(padded(1_048_576)), 400);
  });

  it.each([
    ['nothing', ''],
    ['broken', '{"client_name":'],
    ['a list', '[]'],
    ['null', 'null'],
    ['a text', '"x"'],
    ['two values', '{}{}'],
    ['a comment', '{/**/}'],
    ['a BOM', '\ufeff{"client_name":"x"}'],
    ['a member twice', '{"client_name":"x","client_name":"y"}'],
    ['a member twice, escaped', String.raw`{"client_name":"x","client_nam\u0065":"y"}`],
    ['__proto__', '{"client_name":"x","__proto__":{"scope":"admin:full"}}'],
    ['__proto__, escaped', String.raw`{"client_name":"x","\u005f_proto__":{}}`],
    ['constructor', '{"client_name":"x","constructor":{"prototype":{}}}'],
    ['prototype deep inside', '{"client_name":"x","metadata":{"prototype":"x"}}'],
    ['deep nesting', `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`],
    ['NaN', '{"client_name":NaN}'],
    ['an unknown member', '{"client_name":"x","is_admin":true}'],
    ['a member named like a method', '{"client_name":"x","toString":"x"}'],
  ])('%s is no good JSON', async (_, body) => {
    const { response } = await ledger.refused(() => send(body));
    await expectProblem(response, 400);
    const { errors } = (await response.json()) as { errors: { pointer: string; detail: string }[] };
    expect(errors.length).toBeGreaterThan(0);
    for (const { pointer, detail } of errors) {
      expect(pointer).toMatch(/^(\/.*)?$/);
      expect(detail).not.toBe('');
    }
  });

  it('bytes that are no UTF-8', async () => {
    await expectProblem(await send(Uint8Array.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])), 400);
  });

  it('who has no token learns that, whatever the body', async () => {
    const bodies: [string, string | undefined][] = [
      ['application/json', ''],
      ['application/json', '{"client_name":'],
      ['text/plain', 'x'],
      [form, 'a=b'],
      [';', 'x'],
    ];
    for (const [type, body] of bodies) {
      const init = { method: 'POST', headers: { 'content-type': type }, ...(body === undefined ? {} : { body }) };
      const { response } = await ledger.refused(() => server.fetch(clientsPath, init));
      await expectProblem(response, 401);
      expect(response.headers.get('www-authenticate')).toBe('Bearer');
    }
  });
});

describe('request ids', () => {
  it.each(['a', 'A.b_c-9', 'x'.repeat(64), '0192f7c1-1111-7000-8000-000000000000'])('%s is kept', async (id) => {
    for (const path of ['/health/live', '/.well-known/jwks.json', '/nothing', clientsPath]) {
      expect((await server.fetch(path, { headers: { 'x-request-id': id } })).headers.get('x-request-id')).toBe(id);
    }
  });

  it.each(['', 'x'.repeat(65), 'a b', 'a/b', 'a,b', 'é', '<script>', 'a\u00a0b', '{"a":1}', '\u001b[31m'])(
    'U-07 %p is replaced',
    async (id) => {
      const response = await raw('GET /health/live HTTP/1.1', 'Host: x', `X-Request-Id: ${id}`);
      const kept = response.status === 400 ? 'refused' : response.headers.get('x-request-id');
      expect(kept).not.toBe(id);
      expect(kept).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
    },
  );

  it('two are replaced by one', async () => {
    const response = await raw('GET /health/live HTTP/1.1', 'Host: x', 'X-Request-Id: a', 'X-Request-Id: b');
    expect(response.headers.get('x-request-id')).not.toMatch(/^[ab]$|,/);
  });

  it('each request has its own', async () => {
    const ids = await Promise.all(
      Array.from({ length: 50 }, async () => (await server.fetch('/health/live')).headers.get('x-request-id')),
    );
    expect(new Set(ids).size).toBe(50);
  });

  it('is what the audit log has, and so is the user agent, cut', async () => {
    const headers = {
      'x-request-id': 'req-1',
      'user-agent': `\u001b[31m{"a":1} ${'x'.repeat(5_000)}`.replaceAll('\u001b', ''),
      authorization: basic({ client_id: 'x', client_secret: 'y' }),
    };
    const body = new URLSearchParams({ grant_type: 'client_credentials' });
    const { entry } = await ledger.refused(() => server.fetch('/oauth/token', { method: 'POST', headers, body }));
    expect(entry).toMatchObject({ request_id: 'req-1', ip_address: '127.0.0.1' });
    expect(entry.user_agent).toHaveLength(256);
  });
});

describe('malformed HTTP is answered with 400 and the end of the connection', () => {
  it.each<[string, string[]]>([
    ['HTTP/9.9', ['GET /health/live HTTP/9.9', 'Host: x']],
    ['a bare line feed in a header', ['GET /health/live HTTP/1.1', 'Host: x\nX: y']],
    ['a blank in a header name', ['GET /health/live HTTP/1.1', 'Host: x', 'X Y: z']],
    ['NUL', ['GET /health/live HTTP/1.1', 'Host: x', 'X: \0']],
    ['a negative length', ['POST /events HTTP/1.1', 'Host: x', 'Content-Length: -1']],
    ['TLS', ['\u0016\u0003\u0001\u0002\u0000\u0001']],
  ])('%s', async (_, lines) => {
    const response = await lastRaw(...lines);
    await expectProblem(response, 400);
    expectFixedHeaders(response);
  });

  it.each([
    ['none', []],
    ['two', ['Host: a', 'Host: b']],
    ['two of the same', ['Host: a', 'Host: a']],
  ])('RFC 9112 §3.2: Host, %s', async (_, lines) => {
    await expectProblem(await raw('GET /health/live HTTP/1.1', ...lines), 400);
    await expectProblem(await raw('GET /.well-known/jwks.json HTTP/1.1', ...lines), 400);
    await expectOAuthError(await raw('POST /oauth/token HTTP/1.1', ...lines), 400, 'invalid_request');
  });

  it('a second request smuggled behind the first is not answered', async () => {
    const response = await lastRaw(
      'POST /oauth/token HTTP/1.1',
      'Host: x',
      'Content-Length: 5',
      'Transfer-Encoding: chunked',
      '',
      '0',
      '',
      'GET /health/live HTTP/1.1',
      'Host: x',
    );
    await expectOAuthError(response, 400, 'invalid_request');
  });
});

describe('L-07 headers that try to keep a parser busy', () => {
  const long = 12_000;

  it.each<[string, string]>([
    ['If-None-Match', '"'.repeat(long)],
    ['If-None-Match', 'W/'.repeat(long / 2)],
    ['If-None-Match', ',"'.repeat(long / 2)],
    ['Accept', 'a/b;q=0,'.repeat(long / 8)],
    ['Range', `bytes=${'0-,'.repeat(long / 3)}`],
    ['Cookie', 'a=b;'.repeat(long / 4)],
    ['Authorization', `Bearer ${'a.'.repeat(long / 2)}`],
    ['Authorization', `Bearer ${'='.repeat(long)}`],
    ['Authorization', `Bearer${' '.repeat(long)}x`],
    ['Authorization', `Basic ${'='.repeat(long)}`],
    ['Content-Type', `application/json;${' ;'.repeat(long / 2)}`],
    ['Content-Type', `${'a'.repeat(long)}/`],
    ['X-Request-Id', '-'.repeat(long)],
    ['X-Forwarded-For', '1,'.repeat(long / 2)],
  ])('%s: %.8p…', async (name, value) => {
    for (const path of ['/.well-known/jwks.json', clientsPath, '/oauth/token']) {
      const method = path === '/oauth/token' ? 'POST' : 'GET';
      const response = await raw(`${method} ${path} HTTP/1.1`, 'Host: x', `${name}: ${value}`);
      expect(response.status).toBeLessThan(500);
    }
  });
});

describe('lists', () => {
  it.each(['0', '-1', '201', '1e9', '1;drop', 'NaN', '', '01', '1.0', ' 1', '0x10', '1&limit=2'])(
    'M-15 limit=%s is refused',
    async (limit) => {
      for (const path of [clientsPath, '/admin/oauth/scopes']) {
        const response = await server.asAdmin('GET', `${path}?limit=${limit}`);
        await expectProblem(response, 400);
        expect(await response.text()).toContain('"pointer":"/limit"');
      }
    },
  );

  it.each(['', 'x', '%00', 'eyJhIjoxfQ', 'x'.repeat(5_000), 'a&cursor=b'])('cursor=%p is refused', async (cursor) => {
    for (const path of [clientsPath, '/admin/oauth/scopes']) {
      const response = await server.asAdmin('GET', `${path}?cursor=${cursor}`);
      await expectProblem(response, 400);
      expect(await response.text()).toContain('"pointer":"/cursor"');
    }
  });

  it('a cursor serves its own list and filter, unaltered, and nothing else', async () => {
    type Page = { items: unknown[]; next_cursor: string | null };
    const page = async (query: string, path = '/admin/oauth/scopes') => {
      const response = await server.asAdmin('GET', `${path}?${query}`);
      expect(response.status).toBe(200);
      return (await response.json()) as Page;
    };
    const { items, next_cursor: cursor } = await page('limit=2');
    expect(items).toHaveLength(2);
    expect(cursor).toMatch(/^[\w.~-]+$/);
    expect((await page(`limit=200&cursor=${cursor}`)).next_cursor).toBeNull();

    const middle = Math.floor((cursor?.length ?? 0) / 2);
    const changed = cursor?.[middle] === 'A' ? 'B' : 'A';
    const altered = `${cursor?.slice(0, middle)}${changed}${cursor?.slice(middle + 1)}`;
    for (const [path, query] of [
      ['/admin/oauth/scopes', `cursor=${altered}`],
      ['/admin/oauth/scopes', `cursor=${cursor}x`],
      ['/admin/oauth/scopes', `cursor=${cursor?.slice(0, -1)}`],
      [clientsPath, `cursor=${cursor}`],
      [clientsPath, `cursor=${cursor}&q=a`],
    ]) {
      await expectProblem(await server.asAdmin('GET', `${path}?${query}`), 400);
    }
  });
});

it('K-05 the JWKS and the metadata are answered from memory', async () => {
  const names = [
    '/.well-known/jwks.json',
    '/.well-known/oauth-authorization-server',
    '/.well-known/openid-configuration',
  ];
  await server.fetch('/.well-known/oauth-authorization-server');
  const asked = jest.spyOn(server.running.app.get(Postgres), 'query');
  for (let round = 0; round < 50; round += 1) await Promise.all(names.map((path) => server.fetch(path)));
  const statements = asked.mock.calls.map(([{ name }]) => name);
  asked.mockRestore();
  // Once a second somebody looks for changes, however many ask.
  expect(statements.filter((name) => name !== 'signing_keys_fingerprint').length).toBeLessThan(50);
  const documents = await Promise.all(names.map(async (path) => (await server.fetch(path)).text()));
  expect(documents[1]).toBe(documents[2]);
  expect(JSON.parse(documents[0] ?? '')).toMatchObject({ keys: [{ use: 'sig', alg: 'RS256', kty: 'RSA', e: 'AQAB' }] });
  expect(documents[0]).not.toMatch(/"(d|p|q|dp|dq|qi)"/);
});
