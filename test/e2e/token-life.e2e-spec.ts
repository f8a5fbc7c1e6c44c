/**
 * What ends a token: itself, its client, its key (security.md D5) – by hand of an operator, or by a change of the client; and
 * what the endpoints say while the database is away.
 */
import { openDatabaseProxy } from '../support/database-proxy.js';
import {
  expectBadToken,
  expectInvalidClient,
  expectOAuthError,
  expectProblem,
  expectTooLittleScope,
  Ledger,
} from '../support/refusal.js';
import { basic, type Credentials, startServer, type TestServer } from '../support/server.js';

const clientsPath = '/admin/oauth/clients';
const tokensPath = '/admin/oauth/tokens';

interface ListedToken {
  readonly jti: string;
  readonly client_id: string;
  readonly revoked_at: string | null;
  readonly revoked_reason: string | null;
}

let server: TestServer;
let other: TestServer;
let ledger: Ledger;

beforeAll(async () => {
  server = await startServer();
  other = await startServer({ beside: server });
  ledger = await Ledger.open(server, other);
});

afterAll(async () => {
  await ledger?.close();
  await other?.stop();
  await server?.stop();
});

const newClient = (members: Record<string, unknown> = {}) =>
  server.createClient({ client_name: 'C', scope: 'read:profile', ...members });

function post(at: TestServer, path: string, credentials: Credentials, token: string): Promise<Response> {
  const headers = { authorization: basic(credentials) };
  return at.fetch(path, { method: 'POST', headers, body: new URLSearchParams({ token }) });
}

/** Asks on the process that did not make the change. */
async function isActive(token: string): Promise<boolean> {
  const response = await post(other, '/oauth/introspect', server.admin, token);
  expect(response.status).toBe(200);
  return ((await response.json()) as { active: boolean }).active;
}

function jtiOf(token: string): string {
  return (JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { jti: string }).jti;
}

async function list(query: string): Promise<{ items: ListedToken[]; next_cursor: string | null }> {
  const response = await server.asAdmin('GET', `${tokensPath}?${query}`);
  expect(response.status).toBe(200);
  return (await response.json()) as { items: ListedToken[]; next_cursor: string | null };
}

describe('GET /admin/oauth/tokens', () => {
  it('shows what is known of a token, and neither the token nor its hash', async () => {
    const client = await newClient({ audience: ['https://api.a'] });
    const token = await server.tokenOf(client);
    const { items } = await list(`client_id=${client.client_id}`);
    expect(items).toEqual([
      {
        jti: jtiOf(token),
        client_id: client.client_id,
        scope: 'read:profile',
        aud: ['https://api.a'],
        issued_at: expect.stringMatching(/^\d{4}-.*Z$/),
        expires_at: expect.stringMatching(/^\d{4}-.*Z$/),
        revoked_at: null,
        revoked_reason: null,
        ip_address: '127.0.0.1',
        user_agent: 'node',
      },
    ]);
  });

  it('goes from page to page, newest first, and each token is in one state', async () => {
    const client = await newClient();
    const jtis: string[] = [];
    for (let count = 0; count < 5; count += 1) jtis.unshift(jtiOf(await server.tokenOf(client)));
    const [newest = ''] = jtis;
    expect((await server.asAdmin('POST', `${tokensPath}/${newest}/revoke`, { reason: 'lost' })).status).toBe(204);
    const query = `client_id=${client.client_id}&limit=2`;
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page = await list(cursor === '' ? query : `${query}&cursor=${encodeURIComponent(cursor)}`);
      seen.push(...page.items.map(({ jti }) => jti));
      cursor = page.next_cursor;
    }
    expect(seen).toEqual(jtis);
    const states = async (status: string) =>
      (await list(`client_id=${client.client_id}&status=${status}`)).items.map(({ jti }) => jti);
    expect(await states('active')).toEqual(jtis.slice(1));
    expect(await states('revoked')).toEqual([newest]);
    expect(await states('expired')).toEqual([]);
  });

  it.each(['status=dead', 'limit=0', 'cursor=x', 'client_id=a&client_id=b'])('refuses ?%s', async (query) => {
    await expectProblem(await server.asAdmin('GET', `${tokensPath}?${query}`), 400);
  });
});

describe('POST /admin/oauth/tokens/{jti}/revoke', () => {
  it('ends the token on every process, once', async () => {
    const client = await newClient();
    const token = await server.tokenOf(client);
    const path = `${tokensPath}/${jtiOf(token)}/revoke`;
    expect((await server.asAdmin('POST', path, { reason: 'found in a log' })).status).toBe(204);
    expect(await isActive(token)).toBe(false);
    expect((await server.asAdmin('POST', path, {})).status).toBe(204);
    expect((await list(`client_id=${client.client_id}`)).items).toMatchObject([
      { revoked_at: expect.any(String), revoked_reason: 'found in a log' },
    ]);
    expect(await ledger.rows('SELECT type FROM events WHERE subject = $1', [jtiOf(token)])).toEqual([
      { type: 'oauth.token.revoked' },
    ]);
    expect(
      await ledger.rows(`SELECT actor_client_id FROM audit_log WHERE action = 'token.revoked' AND target_id = $1`, [
        jtiOf(token),
      ]),
    ).toEqual([{ actor_client_id: server.admin.client_id }]);
  });

  it.each(['019a0000-0000-7000-8000-00000000000f', 'x', '%00'])('M-13: knows no token %s', async (jti) => {
    const response = await server.asAdmin('POST', `${tokensPath}/${jti}/revoke`, {});
    expect([400, 404]).toContain(response.status);
  });

  it('refuses what it does not know, by name', async () => {
    const response = await server.asAdmin('POST', `${tokensPath}/${jtiOf(await server.adminToken())}/revoke`, {
      why: 1,
    });
    await expectProblem(response, 400);
    expect(await response.text()).toContain('/why');
  });

  it('takes nothing but what it knows where there is nothing to say', async () => {
    const client = await newClient();
    const path = `${clientsPath}/${client.client_id}/revoke-tokens`;
    const token = await server.tokenOf(client);
    const response = await server.asAdmin('POST', path, { foo: 1 });
    await expectProblem(response.clone(), 400);
    expect(await response.text()).toContain('/foo');
    expect(await isActive(token)).toBe(true);
    expect((await server.asAdmin('POST', path, {})).status).toBe(200);
    expect(await isActive(token)).toBe(false);
    const last = await server.tokenOf(client);
    expect((await server.asAdmin('POST', `${tokensPath}/${jtiOf(last)}/revoke`)).status).toBe(204);
    expect(await isActive(last)).toBe(false);
  });

  it('D8: a weaker administrator cannot end the token of a stronger client', async () => {
    const ado = await server.createClient({ client_name: 'ADO', scope: 'admin:oauth' });
    const headers = { authorization: `Bearer ${await server.tokenOf(ado)}`, 'content-type': 'application/json' };
    const token = await server.tokenOf(server.admin);
    const init = { method: 'POST', headers, body: '{}' };
    await expectTooLittleScope(await server.fetch(`${tokensPath}/${jtiOf(token)}/revoke`, init), 'admin:full');
    const all = await server.fetch(`${clientsPath}/${server.admin.client_id}/revoke-tokens`, init);
    await expectTooLittleScope(all, 'admin:full');
    expect(await isActive(token)).toBe(true);
  });
});

describe('the cut of a client', () => {
  it('revoke-tokens: what was issued before is dead, what comes after is fine', async () => {
    const client = await newClient({ grant_types: ['client_credentials', 'refresh_token'] });
    const granted = (await (await server.requestToken(client)).json()) as Record<string, string>;
    const tokens = [granted['access_token'] ?? '', await server.tokenOf(client), granted['refresh_token'] ?? ''];
    const response = await server.asAdmin('POST', `${clientsPath}/${client.client_id}/revoke-tokens`);
    expect([response.status, await response.json()]).toEqual([200, { revoked: 2 }]);
    const after = await other.tokenOf(client);
    for (const token of tokens) expect(await isActive(token)).toBe(false);
    expect(await isActive(after)).toBe(true);
    const { items } = await list(`client_id=${client.client_id}&status=revoked`);
    expect(items.map(({ revoked_reason }) => revoked_reason)).toEqual(['tokens_revoked', 'tokens_revoked']);
    const refresh = await server.requestToken(client, {
      grant_type: 'refresh_token',
      refresh_token: granted['refresh_token'] ?? '',
    });
    await expectOAuthError(refresh, 400, 'invalid_grant');
    expect(
      await ledger.rows('SELECT type, data FROM events WHERE subject = $1 ORDER BY id DESC LIMIT 1', [
        client.client_id,
      ]),
    ).toEqual([
      { type: 'oauth.token.revoked', data: { client_id: client.client_id, epoch: 1, reason: 'tokens_revoked' } },
    ]);
  });

  it('A-11: disabling ends the tokens, enabling revives none', async () => {
    const client = await newClient({ grant_types: ['client_credentials', 'refresh_token'] });
    const granted = (await (await server.requestToken(client)).json()) as Record<string, string>;
    const path = `${clientsPath}/${client.client_id}`;
    for (const status of ['disabled', 'active']) {
      expect((await server.asAdmin('PATCH', path, { status })).status).toBe(200);
      for (const token of Object.values(granted).slice(0, 1)) expect(await isActive(token)).toBe(false);
      expect(await isActive(granted['refresh_token'] ?? '')).toBe(false);
    }
    expect(await isActive(await server.tokenOf(client))).toBe(true);
    const form = { grant_type: 'refresh_token', refresh_token: granted['refresh_token'] ?? '' };
    await expectOAuthError(await server.requestToken(client, form), 400, 'invalid_grant');
  });

  it('deleting ends the tokens', async () => {
    const client = await newClient({ scope: 'admin:oauth' });
    const token = await server.tokenOf(client);
    expect((await server.asAdmin('DELETE', `${clientsPath}/${client.client_id}`)).status).toBe(204);
    expect(await isActive(token)).toBe(false);
    const headers = { authorization: `Bearer ${token}` };
    await expectBadToken(await other.fetch(clientsPath, { headers }));
    expect((await server.asAdmin('POST', `${tokensPath}/${jtiOf(token)}/revoke`, {})).status).toBe(204);
    await expectProblem(await server.asAdmin('POST', `${clientsPath}/${client.client_id}/revoke-tokens`), 404);
  });
});

it('I-13: without the database nothing is answered, and nothing is said to be done', async () => {
  const client = await newClient();
  const token = await server.tokenOf(client);
  const proxy = await openDatabaseProxy(server.database.url);
  const behind = await startServer({ beside: { ...server, database: { ...server.database, url: proxy.url } } });
  try {
    expect((await post(behind, '/oauth/introspect', client, token)).status).toBe(200);
    for (const cut of [() => proxy.sever(), () => Promise.resolve(proxy.stall())]) {
      await cut();
      const paths = ['/oauth/introspect', '/oauth/revoke'];
      for (const response of await Promise.all(paths.map((path) => post(behind, path, client, token)))) {
        await expectOAuthError(response, 503, 'temporarily_unavailable');
        expect(response.headers.get('retry-after')).toMatch(/^[1-5]$/);
      }
      // What HTTP itself refuses needs no database.
      await expectOAuthError(await behind.fetch('/oauth/token'), 405, 'invalid_request');
      await proxy.restore();
    }
  } finally {
    await proxy.restore();
    await behind.stop();
    await proxy.sever();
  }
  expect(await isActive(token)).toBe(true);
  await expectInvalidClient(await post(server, '/oauth/introspect', { ...client, client_secret: 'x' }, token));
  // Written when the server went, at the latest.
  const [counted] = await ledger.rows(
    `SELECT sum((details->>'count')::int)::int AS count FROM audit_log WHERE error = 'method_not_allowed'`,
  );
  expect(counted).toEqual({ count: 2 });
});
