/**
 * Refresh tokens that are used twice, by whom they belong to or not (security.md "Refresh rotation and reuse"). Two servers on
 * one database; what else ends them is in refresh-life, races in refresh-races.
 */
import { decodeJwt } from 'jose';
import { expectOAuthError, Ledger } from '../support/refusal.js';
import {
  age,
  answerOf,
  beginFamily,
  introspect,
  refresh,
  type RefreshAnswer,
  refusedRefresh,
  renewing,
  tokenIdOf,
} from '../support/refresh-tokens.js';
import { basic, type Credentials, startServer, type TestServer } from '../support/server.js';

const clientsPath = '/admin/oauth/clients';
const scope = 'read:profile read:features';
const audience = ['https://api.a', 'https://api.b'];

let server: TestServer;
let other: TestServer;
let ledger: Ledger;
let r: Credentials;

beforeAll(async () => {
  server = await startServer();
  other = await startServer({ beside: server });
  ledger = await Ledger.open(server, other);
  r = await newClient();
});

afterAll(async () => {
  await ledger?.close();
  await other?.stop();
  await server?.stop();
});

const newClient = (members: Record<string, unknown> = {}) =>
  server.createClient({ client_name: 'R', scope, audience, ...renewing, ...members });

async function patch(client: Credentials, members: Record<string, unknown>): Promise<void> {
  expect((await server.asAdmin('PATCH', `${clientsPath}/${client.client_id}`, members)).status).toBe(200);
}

const isActive = async (token: string) => (await introspect(other, token))['active'];

const expectRefused = (client: Credentials, token: string, error: string) =>
  refusedRefresh({ server, ledger }, client, token, error);

describe('reuse', () => {
  it('R-01: a token works once; used again it ends its family, access tokens included, and everybody hears of it', async () => {
    const begun = await beginFamily(server, r);
    const renewed = await answerOf(await refresh(server, r, begun.refresh_token));
    expect(await isActive(begun.access_token)).toBe(true);
    expect(await isActive(renewed.access_token)).toBe(true);

    const { result, entries } = await ledger.entriesOf(() => refresh(other, r, begun.refresh_token));
    await expectOAuthError(result, 400, 'invalid_grant');

    for (const { access_token, refresh_token } of [begun, renewed]) {
      expect([await isActive(access_token), await isActive(refresh_token)]).toEqual([false, false]);
    }
    await expectRefused(r, renewed.refresh_token, 'invalid_grant');
    const jtis = [begun, renewed].map(({ access_token }) => decodeJwt(access_token).jti ?? '');
    const events = await ledger.rows<{ type: string; data: object }>(
      'SELECT type, data FROM events WHERE subject = ANY ($1::text[]) ORDER BY subject',
      [jtis],
    );
    expect(events).toEqual(
      jtis
        .toSorted((one, two) => (one < two ? -1 : 1))
        .map((jti) => ({
          type: 'oauth.token.revoked',
          data: {
            client_id: r.client_id,
            jti,
            expires_at: expect.stringMatching(/^\d{4}-.*Z$/),
            reason: 'refresh_token_reused',
          },
        })),
    );
    expect(entries.toSorted((one, two) => (one.action < two.action ? -1 : 1))).toEqual([
      expect.objectContaining({
        action: 'token.denied',
        error: 'invalid_grant',
        details: { grant_type: 'refresh_token', reason: 'refresh_token_reused' },
      }),
      expect.objectContaining({
        action: 'token.reused',
        success: true,
        actor_client_id: r.client_id,
        target_type: 'refresh_family',
        details: { severity: 'high', access_tokens: 2 },
      }),
    ]);
  });

  it('R-01: once the family has ended, its used tokens are refused and nothing more happens', async () => {
    const begun = await beginFamily(server, r);
    await answerOf(await refresh(server, r, begun.refresh_token));
    await expectOAuthError(await refresh(server, r, begun.refresh_token), 400, 'invalid_grant');
    await expectRefused(r, begun.refresh_token, 'invalid_grant');
  });

  it('ends a family by a token of any generation, however old', async () => {
    const begun = await beginFamily(server, r);
    let last = begun;
    for (let generation = 0; generation < 3; generation += 1) {
      last = await answerOf(await refresh(server, r, last.refresh_token));
    }
    await age(ledger, begun.refresh_token, '8 days');
    await expectOAuthError(await refresh(server, r, begun.refresh_token), 400, 'invalid_grant');
    await expectRefused(r, last.refresh_token, 'invalid_grant');
  });

  it('leaves the other families of the client alone', async () => {
    const [one, two] = [await beginFamily(server, r), await beginFamily(server, r)];
    await answerOf(await refresh(server, r, one.refresh_token));
    await expectOAuthError(await refresh(server, r, one.refresh_token), 400, 'invalid_grant');
    expect(await isActive(two.access_token)).toBe(true);
    await answerOf(await refresh(server, r, two.refresh_token));
  });

  it('R-15: a client that lost the answer and comes again is taken for a thief, without a grace', async () => {
    const { refresh_token } = await beginFamily(server, r);
    await loseAnswer(r, refresh_token);
    await expectOAuthError(await refresh(server, r, refresh_token), 400, 'invalid_grant');
    const [family] = await ledger.rows<{ revoked_reason: string }>(
      'SELECT revoked_reason FROM refresh_families JOIN refresh_tokens ON family_id = id WHERE token_id = $1',
      [tokenIdOf(refresh_token)],
    );
    expect(family).toEqual({ revoked_reason: 'refresh_token_reused' });
  });
});

/** Uses a token and goes away before the answer comes. */
async function loseAnswer(client: Credentials, token: string): Promise<void> {
  const leaving = new AbortController();
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token });
  const headers = { authorization: basic(client) };
  const lost = server.fetch('/oauth/token', { method: 'POST', headers, body, signal: leaving.signal });
  const used = 'SELECT 1 FROM refresh_tokens WHERE token_id = $1 AND used_at IS NOT NULL';
  while ((await ledger.rows(used, [tokenIdOf(token)])).length === 0);
  leaving.abort();
  await lost.catch(() => undefined);
}

describe('with a grace', () => {
  let g: Credentials;
  beforeAll(async () => (g = await newClient({ refresh_token_grace_seconds: 30 })));

  it('R-15: a lost answer is given again: the same successor, another access token', async () => {
    const begun = await beginFamily(server, g);
    await loseAnswer(g, begun.refresh_token);
    const [one, two] = [
      await answerOf(await refresh(server, g, begun.refresh_token)),
      await answerOf(await refresh(other, g, begun.refresh_token)),
    ];
    expect(two.refresh_token).toBe(one.refresh_token);
    expect(two.access_token).not.toBe(one.access_token);
    for (const { access_token } of [begun, one, two]) expect(await isActive(access_token)).toBe(true);
    await answerOf(await refresh(server, g, one.refresh_token));
  });

  it('narrows only what is asked for each time', async () => {
    const { refresh_token } = await beginFamily(server, g);
    expect((await answerOf(await refresh(server, g, refresh_token, { scope: 'read:profile' }))).scope).toBe(
      'read:profile',
    );
    expect((await answerOf(await refresh(server, g, refresh_token))).scope).toBe(scope);
  });

  it.each<[string, (begun: RefreshAnswer, renewed: RefreshAnswer) => Promise<unknown>]>([
    ['once the successor was used', async (_, { refresh_token }) => answerOf(await refresh(server, g, refresh_token))],
    ['once the time is over', ({ refresh_token }) => age(ledger, refresh_token, '31 s')],
    ['once it was switched off', () => patch(g, { refresh_token_grace_seconds: 0 })],
  ])('ends the family of a used token %s', async (_, happen) => {
    await patch(g, { refresh_token_grace_seconds: 30 });
    const begun = await beginFamily(server, g);
    const renewed = await answerOf(await refresh(server, g, begun.refresh_token));
    await happen(begun, renewed);
    await expectOAuthError(await refresh(other, g, begun.refresh_token), 400, 'invalid_grant');
    for (const { access_token } of [begun, renewed]) expect(await isActive(access_token)).toBe(false);
    await expectRefused(g, renewed.refresh_token, 'invalid_grant');
  });

  it('gives the successor to its owner only', async () => {
    await patch(g, { refresh_token_grace_seconds: 30 });
    const begun = await beginFamily(server, g);
    await answerOf(await refresh(server, g, begun.refresh_token));
    await expectRefused(r, begun.refresh_token, 'invalid_grant');
    await answerOf(await refresh(server, g, begun.refresh_token));
  });

  it('the successor of a reused token is nowhere in the clear', async () => {
    const { refresh_token } = await answerOf(await refresh(server, g, (await beginFamily(server, g)).refresh_token));
    const rows = await ledger.rows('SELECT t::text FROM refresh_tokens t WHERE token_id = $1', [
      tokenIdOf(refresh_token),
    ]);
    expect(JSON.stringify(rows)).not.toContain(refresh_token.slice(-49));
  });
});

describe('foreign tokens', () => {
  it('R-05: another client gets nothing, its owner loses nothing, and the log has it', async () => {
    const b = await newClient();
    const begun = await beginFamily(server, r);
    const entry = await expectRefused(b, begun.refresh_token, 'invalid_grant');
    expect(entry.details).toEqual({
      grant_type: 'refresh_token',
      reason: 'foreign_refresh_token',
      severity: 'high',
      owner: r.client_id,
      family: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(await isActive(begun.access_token)).toBe(true);
    await answerOf(await refresh(server, r, begun.refresh_token));
  });

  it('R-05: nor does it end a family by a used token of another client', async () => {
    const b = await newClient();
    const begun = await beginFamily(server, r);
    const renewed = await answerOf(await refresh(server, r, begun.refresh_token));
    await expectRefused(b, begun.refresh_token, 'invalid_grant');
    await answerOf(await refresh(server, r, renewed.refresh_token));
  });

  it('T-11: a client without the grant cannot use it, and the family stays', async () => {
    const a = await server.createClient({ client_name: 'A', scope });
    const begun = await beginFamily(server, r);
    await expectRefused(a, begun.refresh_token, 'unauthorized_client');
    await answerOf(await refresh(server, r, begun.refresh_token));
  });
});
