/**
 * M-11: a server at debug level is given secrets, tokens, assertions and proofs in every way there is, good and bad; afterwards
 * none of them is anywhere – not in its output, its answers, its metrics, its exports or its database.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Canaries, databaseContent, type SearchedPlace } from '../support/canaries.js';
import { assertionOf, jwtBearer } from '../support/client-assertion.js';
import { runSignet } from '../support/command-line.js';
import { dpopProof, proofKey } from '../support/dpop.js';
import { createMigratedDatabase } from '../support/migrated-database.js';
import type { TestDatabase } from '../support/postgres.js';
import { basic, type Credentials, freePort } from '../support/server.js';
import { asDatabaseUrl, ServerBuild, type ServerProcess } from '../support/server-process.js';

const canaries = new Canaries();
const random = () => randomBytes(24).toString('base64url');
const encryptionKey = canaries.add('key-encryption key', randomBytes(32).toString('base64'));
const admin: Credentials = {
  client_id: 'operator',
  client_secret: canaries.add('bootstrap secret', randomBytes(32).toString('hex')),
};
/** Asked for, and answered, after all else. */
const places: SearchedPlace[] = [];

let build: ServerBuild;
let database: TestDatabase;
let directory: string;
let issuer: string;
let server: ServerProcess;
let sink: Server;
let sinkUrl: string;
const delivered: string[] = [];

beforeAll(async () => {
  build = new ServerBuild();
  database = await createMigratedDatabase();
  directory = mkdtempSync(join(tmpdir(), 'signet-canary-'));
  sink = createServer((request, response) => {
    request.on('data', (chunk: Buffer) => delivered.push(chunk.toString()));
    // What a receiver answers may be shown; it knows none of our secrets.
    request.on('end', () => response.writeHead(200).end('thanks'));
  });
  const sinkPort = await freePort();
  await new Promise<void>((resolve) => sink.listen(sinkPort, '127.0.0.1', resolve));
  sinkUrl = `http://127.0.0.1:${sinkPort}/hook`;
  const port = await freePort();
  issuer = `http://127.0.0.1:${port}`;
  const env = {
    PORT: String(port),
    ISSUER: issuer,
    DATABASE_URL: asDatabaseUrl(database.url),
    DATA_DIR: directory,
    KEY_ENCRYPTION_KEY: encryptionKey,
    BOOTSTRAP_CLIENT_ID: admin.client_id,
    BOOTSTRAP_CLIENT_SECRET: admin.client_secret,
    EVENT_TARGET_NETWORKS: '127.0.0.0/8',
    LOG_LEVEL: 'debug',
  };
  server = await build.start({ cwd: directory, env }).ready();
  await use();
  await collect();
  expect(await server.stop()).toBe(0);
  places.push({ name: 'output', text: server.output }, ...(await databaseContent(database.url)));
}, 120_000);

afterAll(async () => {
  sink?.close();
  await build?.close();
  await database?.drop();
  rmSync(directory, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function post(path: string, form: Record<string, string>, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await server.fetch(path, { method: 'POST', headers, body: new URLSearchParams(form) });
  const text = await response.text();
  const body = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
  for (const member of ['access_token', 'refresh_token']) {
    if (typeof body[member] === 'string') canaries.add(member, body[member]);
  }
  return { status: response.status, body };
}

/** A token request that must succeed. */
async function token(
  form: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Record<string, unknown>> {
  const { status, body } = await post('/oauth/token', { grant_type: 'client_credentials', ...form }, headers);
  expect([status, body['error']]).toEqual([200, undefined]);
  return body;
}

async function asAdmin(method: string, path: string, body?: unknown): Promise<Answer> {
  const bearer = adminToken ?? '';
  const headers = { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' };
  const init = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
  const response = await server.fetch(path, init);
  const text = await response.text();
  return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown> };
}

let adminToken: string | undefined;

async function create(members: Record<string, unknown>): Promise<Credentials> {
  const { status, body } = await asAdmin('POST', '/admin/oauth/clients', members);
  expect(status).toBe(201);
  if (typeof body['client_secret'] === 'string') canaries.add('client secret', body['client_secret']);
  return body as unknown as Credentials;
}

async function use(): Promise<void> {
  const authorization = basic(admin);
  canaries.add('Basic credentials', authorization.slice('Basic '.length));
  adminToken = String((await token({}, { authorization }))['access_token']);
  await useSecrets();
  await useAssertions();
  await useProofs();
  await useWrong();
  await useEvents();
}

/** Basic and post, refresh, rotation, introspection, revocation. */
async function useSecrets(): Promise<void> {
  const members = { scope: 'read:profile', grant_types: ['client_credentials', 'refresh_token'] };
  const client = await create({ client_name: 'Basic', ...members });
  const authorization = basic(client);
  canaries.add('Basic credentials', authorization.slice('Basic '.length));
  const first = await token({}, { authorization });
  const refresh = { grant_type: 'refresh_token', refresh_token: String(first['refresh_token']) };
  await token(refresh, { authorization });
  // Reuse, which ends the family.
  expect((await post('/oauth/token', refresh, { authorization })).status).toBe(400);
  const posting = await create({
    client_name: 'Post',
    scope: 'read:profile',
    token_endpoint_auth_method: 'client_secret_post',
  });
  const second = await token({ client_id: posting.client_id, client_secret: posting.client_secret });
  for (const path of ['/oauth/introspect', '/oauth/revoke', '/oauth/introspect']) {
    await post(path, { token: String(second['access_token']) }, { authorization: basic(admin) });
    await post(path, { token: String(first['refresh_token']) }, { authorization });
    await post(path, { token: canaries.add('unknown token', random()) }, { authorization });
  }
  for (const overlap of [3_600, 0]) {
    const path = `/admin/oauth/clients/${client.client_id}/regenerate-secret`;
    const { status, body } = await asAdmin('POST', path, { overlap_seconds: overlap });
    expect(status).toBe(200);
    canaries.add('rotated secret', String(body['client_secret']));
  }
  await asAdmin('POST', `/admin/oauth/clients/${posting.client_id}/revoke-tokens`, {});
}

async function useAssertions(): Promise<void> {
  const key = proofKey('RS256');
  const jwk = { ...key.jwk, kid: 'canary-key', alg: 'RS256', use: 'sig' };
  canaries.add('private key', String(key.privateKey.export({ format: 'jwk' }).d));
  const { client_id } = await create({
    client_name: 'Keyed',
    token_endpoint_auth_method: 'private_key_jwt',
    scope: 'read:profile',
    jwks: { keys: [jwk] },
  });
  const form = (claims: Record<string, unknown> = {}) => ({
    client_assertion_type: jwtBearer,
    client_assertion: canaries.add('assertion', assertionOf({ client_id, key, jwk }, issuer, { claims })),
  });
  const good = form();
  await token(good);
  // Again, for somebody else, and too old.
  for (const bad of [good, form({ aud: 'https://other.example' }), form({ exp: 1 }), form({ sub: 'other' })]) {
    expect((await post('/oauth/token', { grant_type: 'client_credentials', ...bad })).status).toBe(401);
  }
}

async function useProofs(): Promise<void> {
  const key = proofKey();
  const proof = (uri: string) => canaries.add('proof', dpopProof(key, 'POST', uri));
  const authorization = basic(admin);
  const dpop = proof(`${issuer}/oauth/token`);
  const bound = await token({}, { authorization, dpop });
  expect(bound['token_type']).toBe('DPoP');
  for (const bad of [dpop, proof('https://other.example/'), canaries.add('no proof', random())]) {
    await post('/oauth/token', { grant_type: 'client_credentials' }, { authorization, dpop: bad });
  }
  // Bound, and presented without a proof.
  await server.fetch('/admin/oauth/clients', { headers: { authorization: `Bearer ${String(bound['access_token'])}` } });
}

/** What nobody has issued, where it does not belong. */
async function useWrong(): Promise<void> {
  const wrong = (name: string) => canaries.add(name, random());
  const grant = { grant_type: 'client_credentials' };
  const bad = { client_id: admin.client_id, client_secret: wrong('wrong secret') };
  await post('/oauth/token', grant, { authorization: basic(bad) });
  await post('/oauth/token', { ...grant, ...bad });
  await post(
    '/oauth/token',
    { ...grant, ...bad },
    { authorization: basic({ ...bad, client_secret: wrong('second') }) },
  );
  await post('/oauth/token', { ...grant, client_assertion_type: jwtBearer, client_assertion: wrong('no assertion') });
  await post(
    '/oauth/token',
    { grant_type: 'refresh_token', refresh_token: wrong('no refresh token') },
    { authorization: basic(admin) },
  );
  await post(`/oauth/token?client_secret=${wrong('secret in the query')}`, grant);
  await post(
    '/oauth/token',
    { ...grant, scope: 'read:profile' },
    { authorization: `Basic ${wrong('no credentials')}` },
  );
  await server.fetch('/oauth/token', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_secret: wrong('JSON') }),
  });
  await server.fetch('/admin/oauth/clients', { headers: { authorization: `Bearer ${wrong('no token')}` } });
  await server.fetch('/admin/oauth/clients', { headers: { authorization: `Token ${wrong('no scheme')}` } });
  await server.fetch(`/admin/oauth/clients?access_token=${wrong('token in the query')}`);
  await server.fetch('/nowhere', { headers: { cookie: `session=${wrong('cookie')}`, 'x-api-key': wrong('api key') } });
  await asAdmin('POST', '/admin/oauth/clients', { client_name: 'X', client_secret: wrong('chosen secret') });
  await asAdmin('POST', '/admin/oauth/clients', { client_name: 'X', scope: '', [wrong('member')]: 1 });
}

async function useEvents(): Promise<void> {
  const members = { name: 'Canary', url: sinkUrl, event_types: ['oauth.*'] };
  const { status, body } = await asAdmin('POST', '/admin/events/subscriptions', members);
  expect(status).toBe(201);
  canaries.add('signing secret', String(body['signing_secret']));
  const path = `/admin/events/subscriptions/${String(body['id'])}`;
  const rotated = await asAdmin('POST', `${path}/rotate-secret`, { overlap_seconds: 60 });
  canaries.add('rotated signing secret', String(rotated.body['signing_secret']));
  const client = await create({ client_name: 'Told', scope: 'read:profile' });
  await asAdmin('POST', `/admin/oauth/clients/${client.client_id}/regenerate-secret`, { overlap_seconds: 0 });
}

/** What the server and the command line give out. */
async function collect(): Promise<void> {
  for (const path of [
    '/admin/oauth/clients?limit=100',
    '/admin/oauth/tokens?limit=100',
    '/admin/oauth/scopes?limit=100',
    '/admin/oauth/keys',
    '/admin/oauth/statistics',
    '/admin/oauth/audit-logs?limit=100',
    '/admin/oauth/audit-logs/export?format=ndjson',
    '/admin/oauth/audit-logs/export?format=csv',
    '/admin/oauth/audit-logs/export?chain=true',
    '/admin/events/subscriptions',
    '/admin/events/deliveries',
    '/admin/events/dead-letters',
    '/metrics',
    '/openapi.json',
    '/.well-known/jwks.json',
  ]) {
    const response = await server.fetch(path, { headers: { authorization: `Bearer ${adminToken ?? ''}` } });
    expect([path, response.status]).toEqual([path, 200]);
    places.push({ name: path, text: await response.text() });
  }
  const env = { SIGNET_URL: issuer, SIGNET_CLIENT_ID: admin.client_id, SIGNET_CLIENT_SECRET: admin.client_secret };
  for (const args of [['export'], ['clients', 'list'], ['audit', 'list'], ['keys', 'list']]) {
    const { code, stdout, stderr } = await runSignet(build, args, { env, cwd: directory });
    expect([args, code]).toEqual([args, 0]);
    places.push({ name: `signet ${args.join(' ')}`, text: stdout + stderr });
  }
  places.push({ name: 'what was delivered', text: delivered.join('\n') });
}

describe('M-11: every secret, token, assertion and proof', () => {
  it('was used', () => {
    expect(canaries.count).toBeGreaterThan(40);
    expect(delivered.join('')).toContain('oauth.client');
  });

  it('is nowhere', () => {
    // By design: a token is known by its hash, since an administrator may ask what became of one.
    const byDesign = (found: { secret: string; place: string; form: string }) =>
      found.secret.startsWith('access_token') && found.place.startsWith('access_tokens_p') && found.form === 'hash';
    const found = canaries.search(places);
    expect(found.filter((one) => !byDesign(one))).toEqual([]);
    // The search finds what is there.
    expect(found.filter(byDesign).length).toBeGreaterThan(0);
  });
});
