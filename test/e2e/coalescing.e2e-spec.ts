/** `token_coalescing_seconds`: requests that are alike share a token, as long as all that it rested on holds. */
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { dpopProof, type ProofKey, proofKey } from '../support/dpop.js';
import { Ledger } from '../support/refusal.js';
import { riseOf } from '../support/scrape.js';
import { basic, type Credentials, startServer, type TestServer } from '../support/server.js';

interface Answer {
  readonly access_token: string;
  readonly token_type: string;
  readonly expires_in: number;
  readonly scope: string;
}

const audience = ['https://a.example', 'https://b.example'];

let one: TestServer;
let other: TestServer;
let ledger: Ledger;
let client: Credentials;

beforeAll(async () => {
  one = await startServer();
  other = await startServer({ beside: one });
  ledger = await Ledger.open(one, other);
});

beforeEach(async () => {
  client = await coalescing();
});

afterAll(async () => {
  await ledger?.close();
  await other?.stop();
  await one?.stop();
});

function coalescing(members: Record<string, unknown> = {}): Promise<Credentials> {
  return one.createClient({
    client_name: 'C',
    scope: 'read:profile read:features',
    audience,
    token_coalescing_seconds: 60,
    access_token_ttl_seconds: 3_600,
    ...members,
  });
}

async function ask(server = one, form: Record<string, string> = {}, credentials = client): Promise<Answer> {
  const response = await server.requestToken(credentials, form);
  expect(response.status).toBe(200);
  expect(response.headers.get('cache-control')).toBe('no-store');
  return (await response.json()) as Answer;
}

async function isActive(token: string): Promise<boolean> {
  const body = new URLSearchParams({ token });
  const headers = { authorization: basic(client) };
  const response = await other.fetch('/oauth/introspect', { method: 'POST', headers, body });
  return ((await response.json()) as { active: boolean }).active;
}

async function patch(members: Record<string, unknown>): Promise<void> {
  const response = await other.asAdmin('PATCH', `/admin/oauth/clients/${client.client_id}`, members);
  expect(response.status).toBe(200);
}

it('is off unless it is asked for', async () => {
  const plain = await one.createClient({ client_name: 'P' });
  const tokens = await Promise.all(Array.from({ length: 5 }, () => one.tokenOf(plain)));
  expect(new Set(tokens).size).toBe(5);
});

it('gives the same token to requests that are alike, in turn and at the same time, and counts each', async () => {
  await one.adminToken();
  const before = await statistics();
  const rise = await riseOf(one, async () => {
    const atOnce = await Promise.all(Array.from({ length: 30 }, () => ask()));
    const later = await ask();
    expect(new Set([...atOnce, later].map(({ access_token }) => access_token)).size).toBe(1);
    expect(await isActive(later.access_token)).toBe(true);
    const { exp = 0 } = decodeJwt(later.access_token);
    for (const { expires_in } of [...atOnce, later]) {
      expect(Number.isInteger(expires_in)).toBe(true);
      expect(expires_in).toBeLessThanOrEqual(3_600);
      expect(expires_in).toBeGreaterThan(3_500);
    }
    // Never more than there is left.
    expect(later.expires_in).toBeLessThanOrEqual(exp - Math.floor(Date.now() / 1_000) + 1);
  });
  expect(rise('signet_token_coalesced_total')).toBe(30);
  expect(rise('signet_token_requests_total', { grant: 'client_credentials', outcome: 'issued' })).toBe(31);
  const after = await statistics();
  expect(after.requests.succeeded - before.requests.succeeded).toBe(31);
  expect(after.tokens.issued - before.tokens.issued).toBe(1);
  const entries = await ledger.rows(
    `SELECT 1 FROM audit_log WHERE action = 'token.issued' AND actor_client_id = '${client.client_id}'`,
  );
  expect(entries).toHaveLength(1);
});

async function statistics(): Promise<{ requests: { succeeded: number }; tokens: { issued: number } }> {
  const response = await one.asAdmin('GET', '/admin/oauth/statistics');
  return (await response.json()) as { requests: { succeeded: number }; tokens: { issued: number } };
}

it('keeps apart what is not alike: scope, audience, client', async () => {
  const twin = await coalescing();
  const answers = [
    await ask(),
    await ask(one, { scope: 'read:profile' }),
    await ask(one, { scope: 'read:features' }),
    await ask(one, { resource: 'https://a.example' }),
    await ask(one, { resource: 'https://b.example' }),
    await ask(one, {}, twin),
  ];
  expect(new Set(answers.map(({ access_token }) => access_token)).size).toBe(answers.length);
  expect(answers.map(({ scope }) => scope).slice(1, 3)).toEqual(['read:profile', 'read:features']);
  const spelledOut = await ask(one, { scope: 'read:profile read:features' });
  expect(spelledOut.access_token).toBe(answers[0]?.access_token);
});

it.each<[string, (token: string) => Promise<unknown>]>([
  [
    'the client has revoked',
    async (token) => {
      const body = new URLSearchParams({ token });
      await other.fetch('/oauth/revoke', { method: 'POST', headers: { authorization: basic(client) }, body });
    },
  ],
  [
    'an administrator has revoked',
    (token) => other.asAdmin('POST', `/admin/oauth/tokens/${decodeJwt(token).jti}/revoke`, { reason: 'test' }),
  ],
  [
    'was revoked with all of its client',
    () => other.asAdmin('POST', `/admin/oauth/clients/${client.client_id}/revoke-tokens`),
  ],
  ['ended when its client was disabled', () => patch({ status: 'disabled' }).then(() => patch({ status: 'active' }))],
  ['lasts longer than the client may now', () => patch({ access_token_ttl_seconds: 600 })],
  ['says more than the client may now', () => patch({ scope: 'read:profile' })],
])('never gives a token again that %s, on another server too', async (_, end) => {
  const { access_token: first } = await ask();
  await end(first);
  const tokens = await Promise.all(Array.from({ length: 10 }, async () => (await ask()).access_token));
  expect(tokens).not.toContain(first);
  expect(new Set(tokens).size).toBe(1);
  expect(await isActive(tokens[0] ?? '')).toBe(true);
});

it('never gives a token again whose key signs no longer, or was revoked', async () => {
  const kidOf = (token: string) => decodeProtectedHeader(token).kid ?? '';
  const { access_token: first } = await ask();
  const rotated = await one.asAdmin('POST', '/admin/oauth/keys/rotate', { immediate: true });
  expect(rotated.status).toBe(200);
  const { access_token: second } = await ask();
  expect(kidOf(second)).not.toBe(kidOf(first));
  const revoked = await other.asAdmin('POST', `/admin/oauth/keys/${kidOf(second)}/revoke`);
  expect(revoked.status).toBe(204);
  const { access_token: third } = await ask();
  expect(kidOf(third)).not.toBe(kidOf(second));
  expect(await isActive(third)).toBe(true);
});

it('refuses a client that was disabled meanwhile, and a wrong secret', async () => {
  await ask();
  expect((await one.requestToken({ ...client, client_secret: 'wrong' })).status).toBe(401);
  await patch({ status: 'disabled' });
  const answers = await Promise.all(Array.from({ length: 10 }, () => one.requestToken(client)));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 401));
});

it('counts shared answers against the rate limit', async () => {
  const limited = await coalescing({ rate_limit_per_minute: 3 });
  const answers = await Promise.all(Array.from({ length: 5 }, () => one.requestToken(limited)));
  expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 200, 200, 429, 429]);
});

it('shares a bound token with nobody who shows another key', async () => {
  const [mine, theirs] = [proofKey(), proofKey()];
  const bound = async (key: ProofKey) => {
    const response = await one.fetch('/oauth/token', {
      method: 'POST',
      headers: { authorization: basic(client), dpop: dpopProof(key, 'POST', `${one.issuer}/oauth/token`) },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    });
    expect(response.status).toBe(200);
    return (await response.json()) as Answer;
  };
  const plain = await ask();
  const first = await bound(mine);
  const again = await bound(mine);
  const foreign = await bound(theirs);
  expect(plain.token_type).toBe('Bearer');
  expect(first.token_type).toBe('DPoP');
  expect(again.access_token).toBe(first.access_token);
  expect(new Set([plain, first, foreign].map(({ access_token }) => access_token)).size).toBe(3);
});

it('goes without refresh tokens', async () => {
  const response = await one.asAdmin('PATCH', `/admin/oauth/clients/${client.client_id}`, {
    grant_types: ['client_credentials', 'refresh_token'],
  });
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ errors: [{ pointer: '/token_coalescing_seconds' }] });
});
