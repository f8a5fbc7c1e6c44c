/** By its answers nobody can tell whether a request took the fast lane or the ordinary way: status, header fields, their order. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { basic, startServer, type TestServer } from '../support/server.js';

const form = 'application/x-www-form-urlencoded';

let server: TestServer;

beforeAll(async () => {
  server = await startServer();
});

afterAll(async () => {
  await server?.stop();
});

/** The answer to a request; a chunked body takes the ordinary way. */
async function ask(
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: string,
): Promise<{ status: number | undefined; fields: string[] }> {
  const isSized = body !== undefined && headers['transfer-encoding'] === undefined;
  const sized = isSized ? { ...headers, 'content-length': String(body.length) } : headers;
  const sent = request(`${server.issuer}${path}`, { method, headers: sized });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
  const { rawHeaders, statusCode: status } = response;
  const varying = new Set(['x-request-id', 'date', 'content-length']);
  const fields: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    fields.push(`${name}: ${varying.has(name.toLowerCase()) ? '…' : rawHeaders[index + 1]}`);
  }
  return { status, fields };
}

it.each([
  ['a token', 200, {}, 'grant_type=client_credentials'],
  ['a wrong secret', 401, { client_secret: 'x' }, 'grant_type=client_credentials'],
  ['no client', 401, { client_id: 'nobody' }, 'grant_type=client_credentials'],
  ['an unknown grant', 400, {}, 'grant_type=x'],
])('POST /oauth/token: %s', async (_, status, wrong, body) => {
  const headers = { 'content-type': form, authorization: basic({ ...server.admin, ...wrong }) };
  const fast = await ask('POST', '/oauth/token', headers, body);
  const ordinary = await ask('POST', '/oauth/token', { ...headers, 'transfer-encoding': 'chunked' }, body);
  expect(fast.status).toBe(status);
  expect(fast.fields.join('\n')).toMatch(/^content-type: application\/json; charset=utf-8$/m);
  expect(fast).toEqual(ordinary);
});

it('the same fault elsewhere has the same media type', async () => {
  const headers = { 'content-type': form, authorization: basic({ client_id: 'nobody', client_secret: 'x' }) };
  const types = await Promise.all(
    ['/oauth/token', '/oauth/revoke', '/oauth/introspect'].map(async (path) => {
      const { fields } = await ask('POST', path, headers, 'token=x&grant_type=client_credentials');
      return fields.find((field) => field.startsWith('content-type'));
    }),
  );
  expect(new Set(types)).toEqual(new Set(['content-type: application/json; charset=utf-8']));
});

it('a problem has one media type, whoever writes it', async () => {
  const problems = await Promise.all([
    ask('GET', '/nothing', {}),
    ask('GET', '/admin/oauth/clients', {}),
    ask('GET', '/health/live', { expect: 'the unexpected' }),
    ask('GET', '/%', {}),
  ]);
  for (const { fields } of problems) expect(fields).toContain('content-type: application/problem+json; charset=utf-8');
});

it.each(['/.well-known/jwks.json', '/.well-known/oauth-authorization-server'])('GET %s', async (path) => {
  const fast = await ask('GET', path, {});
  const ordinary = await ask('GET', path, { 'content-length': '0' });
  expect(fast.status).toBe(200);
  expect(fast).toEqual(ordinary);
});
