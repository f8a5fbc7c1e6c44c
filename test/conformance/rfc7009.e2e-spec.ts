/**
 * RFC 7009, OAuth 2.0 Token Revocation.
 *
 * | section | requirement | test |
 * |---|---|---|
 * | §2 | both refresh and access tokens | an access token; a refresh token |
 * | §2.1 | POST, a form, `token` REQUIRED, a hint is only a hint | request; I-07 |
 * | §2.1 | the client authenticates, and ends only its own tokens | I-01; I-11 |
 * | §2.1 | a refresh token takes the access tokens of its grant along | a refresh token |
 * | §2.2 | 200 with nothing in it, also for unknown and invalid tokens | I-09; garbage |
 * | §2.2.1 | 503 when it cannot be done now | I-13 (token-life.e2e-spec.ts) |
 * | §3 | it holds at once, everywhere | I-09, I-19 |
 */
import { expectBadToken, expectInvalidClient, expectOAuthError, Ledger } from '../support/refusal.js';
import { basic, type Credentials, startServer, type TestServer } from '../support/server.js';

const path = '/oauth/revoke';

let server: TestServer;
let other: TestServer;
let ledger: Ledger;
let a: Credentials;
let b: Credentials;

beforeAll(async () => {
  server = await startServer();
  other = await startServer({ beside: server });
  ledger = await Ledger.open(server, other);
  const members = { scope: 'read:profile', grant_types: ['client_credentials', 'refresh_token'] };
  a = await server.createClient({ client_name: 'A', ...members });
  b = await server.createClient({ client_name: 'B', ...members });
});

afterAll(async () => {
  await ledger?.close();
  await other?.stop();
  await server?.stop();
});

function post(at: TestServer, where: string, credentials: Credentials, form: Record<string, string>) {
  const headers = { authorization: basic(credentials) };
  return at.fetch(where, { method: 'POST', headers, body: new URLSearchParams(form) });
}

const revoke = (credentials: Credentials, form: Record<string, string>) => post(server, path, credentials, form);

async function isActive(token: string, credentials = a, at = other): Promise<boolean> {
  const response = await post(at, '/oauth/introspect', credentials, { token });
  expect(response.status).toBe(200);
  return ((await response.json()) as { active: boolean }).active;
}

async function tokensOf(credentials: Credentials): Promise<{ access_token: string; refresh_token: string }> {
  return (await (await server.requestToken(credentials)).json()) as { access_token: string; refresh_token: string };
}

async function expectDone(response: Response): Promise<void> {
  expect([response.status, await response.text()]).toEqual([200, '']);
  expect(response.headers.get('cache-control')).toBe('no-store');
}

function events(): Promise<{ type: string; subject: string; data: Record<string, unknown> }[]> {
  return ledger.rows(`SELECT type, subject, data FROM events WHERE type = 'oauth.token.revoked' ORDER BY id`);
}

function jtiOf(token: string): string {
  return (JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { jti: string }).jti;
}

describe('§2.1 request', () => {
  it('no token', async () => {
    await expectOAuthError(await revoke(a, {}), 400, 'invalid_request');
  });

  it('I-01: no authentication', async () => {
    const { access_token: token } = await tokensOf(a);
    const { response, entry } = await ledger.refused(
      () => revoke({ ...a, client_secret: 'wrong' }, { token }),
      [token, a.client_secret],
    );
    await expectInvalidClient(response);
    expect(entry.action).toBe('token.revocation_denied');
    expect(await isActive(token)).toBe(true);
  });

  it.each(['GET', 'PUT', 'DELETE'])('%s', async (method) => {
    const response = await server.fetch(path, { method, headers: { authorization: basic(a) } });
    await expectOAuthError(response, 405, 'invalid_request');
    expect(response.headers.get('allow')).toBe('POST');
  });
});

it('I-09: an access token is dead on the other process at the next question', async () => {
  const { access_token: token } = await tokensOf(a);
  expect(await isActive(token)).toBe(true);
  const before = await events();
  const { entries } = await ledger.entriesOf(async () => expectDone(await revoke(a, { token })));
  expect(await isActive(token)).toBe(false);
  expect(entries).toEqual([
    expect.objectContaining({
      action: 'token.revoked',
      success: true,
      actor_client_id: a.client_id,
      target_type: 'token',
      target_id: jtiOf(token),
    }),
  ]);
  expect((await events()).slice(before.length)).toEqual([
    {
      type: 'oauth.token.revoked',
      subject: jtiOf(token),
      data: {
        client_id: a.client_id,
        jti: jtiOf(token),
        expires_at: expect.stringMatching(/Z$/),
        reason: 'revoked_by_client',
      },
    },
  ]);
  await expectDone(await revoke(a, { token }));
  expect(await events()).toHaveLength(before.length + 1);
});

it.each(['access_token', 'refresh_token', 'foo'])('I-07: the hint %s changes nothing', async (token_type_hint) => {
  const { access_token: token } = await tokensOf(a);
  await expectDone(await revoke(a, { token, token_type_hint }));
  expect(await isActive(token)).toBe(false);
});

it('§2.1 a refresh token takes its family along, access tokens included', async () => {
  const { access_token, refresh_token } = await tokensOf(a);
  const refreshed = await server.requestToken(a, { grant_type: 'refresh_token', refresh_token });
  expect(refreshed.status).toBe(200);
  const next = (await refreshed.json()) as { access_token: string; refresh_token: string };
  const before = await events();
  await expectDone(await revoke(a, { token: next.refresh_token }));
  for (const token of [access_token, next.access_token, next.refresh_token]) expect(await isActive(token)).toBe(false);
  const again = await server.requestToken(a, { grant_type: 'refresh_token', refresh_token: next.refresh_token });
  await expectOAuthError(again, 400, 'invalid_grant');
  const ended = (await events()).slice(before.length).map(({ subject }) => subject);
  expect(ended.toSorted()).toEqual([jtiOf(access_token), jtiOf(next.access_token)].toSorted());
});

it('I-11: a token of another client stays, and the log notes the attempt', async () => {
  const { access_token, refresh_token } = await tokensOf(b);
  for (const token of [access_token, refresh_token]) {
    const { entries } = await ledger.entriesOf(async () => expectDone(await revoke(a, { token })));
    expect(entries).toEqual([
      expect.objectContaining({
        action: 'token.revocation_denied',
        success: false,
        actor_client_id: a.client_id,
        error: 'foreign_token',
      }),
    ]);
    expect(await isActive(token, b)).toBe(true);
  }
});

it.each(['garbage', 'a.b.c', 'signet_rt_abcdefgh_00', 'x'.repeat(10_000)])('§2.2 garbage: %.20s', async (token) => {
  await expectDone(await revoke(a, { token }));
});

it('I-19: a revoked token of an administrator opens nothing, on both processes', async () => {
  const token = await server.tokenOf(server.admin);
  const headers = { authorization: `Bearer ${token}` };
  const ask = (at: TestServer) => at.fetch('/admin/oauth/scopes', { headers });
  expect([(await ask(server)).status, (await ask(other)).status]).toEqual([200, 200]);
  await expectDone(await revoke(server.admin, { token }));
  await expectBadToken(await ask(server));
  await expectBadToken(await ask(other));
});
