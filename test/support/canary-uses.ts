import { randomBytes } from 'node:crypto';
import { assertionOf, jwtBearer } from './client-assertion.js';
import type { CanaryWorld } from './canary-world.js';
import { dpopProof, proofKey } from './dpop.js';
import { basic } from './server.js';

const random = () => randomBytes(24).toString('base64url');
const grant = { grant_type: 'client_credentials' };

/** Basic and post, refresh, rotation, introspection, revocation. */
export async function useSecrets(world: CanaryWorld): Promise<void> {
  const { canaries } = world;
  const members = { scope: 'read:profile', grant_types: ['client_credentials', 'refresh_token'] };
  const client = await world.create({ client_name: 'Basic', ...members });
  const authorization = basic(client);
  canaries.add('Basic credentials', authorization.slice('Basic '.length));
  const first = await world.token({}, { authorization });
  const refresh = { grant_type: 'refresh_token', refresh_token: String(first['refresh_token']) };
  await world.token(refresh, { authorization });
  // Reuse, which ends the family.
  expect((await world.post('/oauth/token', refresh, { authorization })).status).toBe(400);
  const method = { token_endpoint_auth_method: 'client_secret_post' };
  const posting = await world.create({ client_name: 'Post', scope: 'read:profile', ...method });
  const second = await world.token({ client_id: posting.client_id, client_secret: posting.client_secret });
  for (const path of ['/oauth/introspect', '/oauth/revoke', '/oauth/introspect']) {
    await world.post(path, { token: String(second['access_token']) }, { authorization: basic(world.admin) });
    await world.post(path, { token: String(first['refresh_token']) }, { authorization });
    await world.post(path, { token: canaries.add('unknown token', random()) }, { authorization });
  }
  for (const overlap of [3_600, 0]) {
    const path = `/admin/oauth/clients/${client.client_id}/regenerate-secret`;
    expect((await world.asAdmin('POST', path, { overlap_seconds: overlap })).status).toBe(200);
  }
  await world.asAdmin('POST', `/admin/oauth/clients/${posting.client_id}/revoke-tokens`, {});
}

export async function useAssertions(world: CanaryWorld): Promise<void> {
  const { canaries, issuer } = world;
  const key = proofKey('RS256');
  const jwk = { ...key.jwk, kid: 'canary-key', alg: 'RS256', use: 'sig' };
  const privateJwk = key.privateKey.export({ format: 'jwk' });
  for (const member of ['d', 'p', 'q'] as const) canaries.add('private key of a client', String(privateJwk[member]));
  const keyed = { client_name: 'Keyed', token_endpoint_auth_method: 'private_key_jwt', scope: 'read:profile' };
  // Somebody who registers the private key by mistake.
  const mistaken = { ...keyed, jwks: { keys: [{ ...jwk, ...privateJwk }] } };
  expect((await world.asAdmin('POST', '/admin/oauth/clients', mistaken)).status).toBe(400);
  const { client_id } = await world.create({ ...keyed, jwks: { keys: [jwk] } });
  const form = (claims: Record<string, unknown> = {}) => ({
    client_assertion_type: jwtBearer,
    client_assertion: canaries.add('assertion', assertionOf({ client_id, key, jwk }, issuer, { claims })),
  });
  const good = form();
  await world.token(good);
  // Again, for somebody else, and too old.
  for (const bad of [good, form({ aud: 'https://other.example' }), form({ exp: 1 }), form({ sub: 'other' })]) {
    expect((await world.post('/oauth/token', { ...grant, ...bad })).status).toBe(401);
  }
}

export async function useProofs(world: CanaryWorld): Promise<void> {
  const { canaries } = world;
  const key = proofKey();
  const proof = (uri: string) => canaries.add('proof', dpopProof(key, 'POST', uri));
  const authorization = basic(world.admin);
  const dpop = proof(`${world.issuer}/oauth/token`);
  const bound = await world.token({}, { authorization, dpop });
  expect(bound['token_type']).toBe('DPoP');
  for (const bad of [dpop, proof('https://other.example/'), canaries.add('no proof', random())]) {
    await world.post('/oauth/token', grant, { authorization, dpop: bad });
  }
  // Bound, and presented without a proof.
  await world.fetch('/admin/oauth/clients', { headers: { authorization: `Bearer ${String(bound['access_token'])}` } });
}

/** What nobody has issued, where it does not belong. */
export async function useWrong(world: CanaryWorld): Promise<void> {
  const wrong = (name: string) => world.canaries.add(name, random());
  const bad = { client_id: world.admin.client_id, client_secret: wrong('wrong secret') };
  const authorization = basic(world.admin);
  const secondBasic = basic({ ...bad, client_secret: wrong('second') });
  await world.post('/oauth/token', grant, { authorization: basic(bad) });
  await world.post('/oauth/token', { ...grant, ...bad });
  await world.post('/oauth/token', { ...grant, ...bad }, { authorization: secondBasic });
  const assertion = { client_assertion_type: jwtBearer, client_assertion: wrong('no assertion') };
  await world.post('/oauth/token', { ...grant, ...assertion });
  const refresh = { grant_type: 'refresh_token', refresh_token: wrong('no refresh token') };
  await world.post('/oauth/token', refresh, { authorization });
  await world.post(`/oauth/token?client_secret=${wrong('secret in the query')}`, grant);
  await world.post(
    '/oauth/token',
    { ...grant, scope: 'read:profile' },
    { authorization: `Basic ${wrong('no credentials')}` },
  );
  await world.fetch('/oauth/token', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_secret: wrong('JSON') }),
  });
  await world.fetch('/admin/oauth/clients', { headers: { authorization: `Bearer ${wrong('no token')}` } });
  await world.fetch('/admin/oauth/clients', { headers: { authorization: `Token ${wrong('no scheme')}` } });
  await world.fetch(`/admin/oauth/clients?access_token=${wrong('token in the query')}`);
  await world.fetch(`/admin/oauth/audit-logs?client_secret=${wrong('secret beside the filters')}`);
  await world.fetch('/nowhere', { headers: { cookie: `session=${wrong('cookie')}`, 'x-api-key': wrong('api key') } });
  await world.asAdmin('GET', `/admin/oauth/audit-logs?token=${wrong('token beside the filters')}`);
  await world.asAdmin('POST', '/admin/oauth/clients', { client_name: 'X', client_secret: wrong('chosen secret') });
  await world.asAdmin('POST', '/admin/oauth/clients', { client_name: 'X', scope: '', [wrong('member')]: 1 });
}
