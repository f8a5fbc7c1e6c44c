/**
 * RFC 8707, Resource Indicators for OAuth 2.0.
 *
 * | section | requirement | test |
 * |---|---|---|
 * | §2 | an absolute URI (RFC 3986 §4.3) | malformed |
 * | §2 | no fragment | malformed |
 * | §2 | a query is allowed | well-formed |
 * | §2 | several may be sent | several |
 * | §2 | invalid_target for what is invalid, missing, unknown or malformed | malformed, not allowed |
 * | §2.2 | the token is for the requested resources only | one, several |
 * | §2.2 | without one: the default of the client | none |
 * | §3 | scope and resource are independent; none widens the other | scope beside it |
 */
import { decodeJwt } from 'jose';
import { expectOAuthError } from '../support/refusal.js';
import { type Credentials, startServer, type TestServer } from '../support/server.js';

const audience = [
  'https://api.a',
  'https://api.b/v1',
  'https://api.c/?tenant=1',
  'urn:example:service',
  'https://api.d:8443/%7Epath',
];

let server: TestServer;
let client: Credentials;

beforeAll(async () => {
  server = await startServer();
  client = await server.createClient({ client_name: 'C', scope: 'read:profile', audience });
});

afterAll(() => server?.stop());

async function audienceOf(resources: readonly string[], name = 'resource'): Promise<unknown> {
  return decodeJwt(
    await server.tokenOf(
      client,
      resources.map((resource): [string, string] => [name, resource]),
    ),
  ).aud;
}

it.each(audience)('well-formed: %s, and nothing but it', async (resource) => {
  expect(await audienceOf([resource])).toBe(resource);
  expect(await audienceOf([resource], 'audience')).toBe(resource);
});

it('several', async () => {
  expect(await audienceOf(['urn:example:service', 'https://api.a'])).toEqual(['urn:example:service', 'https://api.a']);
  expect(await audienceOf(['https://api.a', 'https://api.a'])).toBe('https://api.a');
});

it('none: the default of the client', async () => {
  expect(await audienceOf([])).toEqual(audience);
});

it.each([
  ['fragment', 'https://api.a#x'],
  ['empty fragment', 'https://api.a#'],
  ['relative', '/v1'],
  ['without a scheme', 'api.a'],
  ['network path', '//api.a'],
  ['only a scheme', 'https:'],
  ['no host', 'https://'],
  ['a blank', 'https://api.a/ x'],
  ['a line feed', 'https://api.a\n'],
  ['NUL', 'https://api.a\0'],
  ['not ASCII', 'https://apí.a'],
  ['a broken escape', 'https://api.a/%zz'],
  ['a list', 'https://api.a https://api.b/v1'],
  ['beyond all measure', `https://api.a/${'x'.repeat(20_000)}`],
])('malformed: %s', async (_, resource) => {
  await expectOAuthError(await server.requestToken(client, { resource }), 400, 'invalid_target');
  await expectOAuthError(await server.requestToken(client, { audience: resource }), 400, 'invalid_target');
});

it.each([
  ['another one', 'https://api.e'],
  ['a part of an allowed one', 'https://api.b'],
  ['more than an allowed one', 'https://api.a/v1'],
  ['a slash behind', 'https://api.a/'],
  ['other case', 'https://API.a'],
  ['default port', 'https://api.a:443'],
  ['another spelling', 'https://api.d:8443/~path'],
  ['other scheme', 'http://api.a'],
  ['user information', 'https://x@api.a'],
  ['dot segments', 'https://api.b/v1/../v1'],
])('not allowed: %s', async (_, resource) => {
  await expectOAuthError(await server.requestToken(client, { resource }), 400, 'invalid_target');
});

it('not allowed: one of several fails them all', async () => {
  const form: [string, string][] = [
    ['resource', 'https://api.a'],
    ['resource', 'https://api.e'],
  ];
  await expectOAuthError(await server.requestToken(client, form), 400, 'invalid_target');
});

it('not allowed: this server, for who has no scope of it', async () => {
  await expectOAuthError(await server.requestToken(client, { resource: server.issuer }), 400, 'invalid_target');
});

it('scope beside it: neither widens the other', async () => {
  const resource = 'https://api.a';
  const claims = decodeJwt(await server.tokenOf(client, { resource, scope: 'read:profile' }));
  expect(claims).toMatchObject({ aud: resource, scope: 'read:profile' });
  await expectOAuthError(await server.requestToken(client, { resource, scope: 'admin:full' }), 400, 'invalid_scope');
  await expectOAuthError(
    await server.requestToken(client, { resource: 'https://api.e', scope: 'read:profile' }),
    400,
    'invalid_target',
  );
});
