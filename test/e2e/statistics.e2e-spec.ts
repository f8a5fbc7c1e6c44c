/** `GET /admin/oauth/statistics`: exact to the unit over two servers, of the token endpoint alone; bad parameters. */
import { decodeJwt } from 'jose';
import { beginFamily, refresh, renewing } from '../support/refresh-tokens.js';
import { expectProblem, Ledger } from '../support/refusal.js';
import { basic, type Credentials, startServer, type TestServer } from '../support/server.js';

interface Answer {
  readonly clients: { total: number; active: number; disabled: number };
  readonly tokens: { issued: number; active: number; revoked: number; expired: number };
  readonly requests: { succeeded: number; failed: number; by_error: Record<string, number> };
  readonly top_clients: { client_id: string; issued: number }[];
  readonly series: { at: string; issued: number; failed: number }[];
}

const path = '/admin/oauth/statistics';

let one: TestServer;
let other: TestServer;
let ledger: Ledger;

beforeAll(async () => {
  one = await startServer();
  other = await startServer({ beside: one });
  ledger = await Ledger.open(one, other);
});

afterAll(async () => {
  await ledger?.close();
  await other?.stop();
  await one?.stop();
});

async function statistics(server = one, query: Record<string, string> = {}): Promise<Answer> {
  const response = await server.asAdmin('GET', `${path}?${new URLSearchParams(query).toString()}`);
  expect(response.status).toBe(200);
  expect(response.headers.get('cache-control')).toBe('no-store');
  return (await response.json()) as Answer;
}

/** What the statistics say more than before, once `act` has run. */
async function added(act: () => Promise<unknown>): Promise<{ tokens: Answer['tokens']; requests: Answer['requests'] }> {
  const before = await statistics();
  await act();
  const after = await statistics(other);
  const { tokens: were } = before;
  const { issued, active, revoked, expired } = after.tokens;
  const errors = Object.entries(after.requests.by_error)
    .map(([error, count]) => [error, count - (before.requests.by_error[error] ?? 0)] as const)
    .filter(([, count]) => count > 0);
  return {
    tokens: {
      issued: issued - were.issued,
      active: active - were.active,
      revoked: revoked - were.revoked,
      expired: expired - were.expired,
    },
    requests: {
      succeeded: after.requests.succeeded - before.requests.succeeded,
      failed: after.requests.failed - before.requests.failed,
      by_error: Object.fromEntries(errors),
    },
  };
}

async function expectSums(answer: Answer): Promise<void> {
  const { clients, tokens, requests, series } = answer;
  const sum = (counts: number[]) => counts.reduce((total, count) => total + count, 0);
  expect(clients.total).toBe(clients.active + clients.disabled);
  expect(tokens.issued).toBe(tokens.active + tokens.revoked + tokens.expired);
  expect(requests.succeeded).toBe(tokens.issued);
  expect(requests.failed).toBe(sum(Object.values(requests.by_error)));
  expect(sum(series.map(({ issued }) => issued))).toBe(tokens.issued);
  expect(sum(series.map(({ failed }) => failed))).toBe(requests.failed);
  const [rows] = await ledger.rows<{ issued: number; failed: number }>(
    `SELECT (SELECT count(*)::int FROM access_tokens) AS issued,
       (SELECT coalesce(sum(coalesce((details->>'count')::int, 1)), 0)::int FROM audit_log WHERE action = 'token.denied') AS failed`,
  );
  expect({ issued: tokens.issued, failed: requests.failed }).toEqual(rows);
}

describe('GET /admin/oauth/statistics', () => {
  it('has the members of the contract, two more lists, and counts itself out', async () => {
    await one.adminToken();
    await other.adminToken();
    const answer = await statistics();
    expect(answer).toEqual({
      clients: { total: 1, active: 1, disabled: 0 },
      tokens: { issued: 2, active: 2, revoked: 0, expired: 0 },
      requests: { succeeded: 2, failed: 0, by_error: {} },
      top_clients: [{ client_id: 'admin', issued: 2 }],
      hoarding: [],
      limited: [],
      series: expect.any(Array) as unknown,
    });
    expect([24, 25]).toContain(answer.series.length);
    for (const { at } of answer.series) expect(at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:00:00\.000Z$/);
    expect(await statistics(other)).toEqual(answer);
  });

  it('is exact while both servers issue and refuse at the same time', async () => {
    const clients = await Promise.all(
      [1, 2].map(() => one.createClient({ client_name: 'A', scope: 'read:profile', ...renewing })),
    );
    const [good, busy] = clients as [Credentials, Credentials];
    const more = await added(() =>
      Promise.all(
        Array.from({ length: 120 }, async (_, index) => {
          const server = index % 2 === 0 ? one : other;
          if (index % 6 === 0) return server.requestToken(good, { scope: 'read:groups' });
          if (index % 6 === 1) return server.requestToken(good, { grant_type: 'password' });
          return server.requestToken(index % 6 === 2 ? good : busy);
        }),
      ),
    );
    expect(more).toEqual({
      tokens: { issued: 80, active: 80, revoked: 0, expired: 0 },
      requests: { succeeded: 80, failed: 40, by_error: { invalid_scope: 20, unsupported_grant_type: 20 } },
    });
    const answer = await statistics();
    expect(answer.top_clients.slice(0, 2)).toEqual([
      { client_id: busy.client_id, issued: 60 },
      { client_id: good.client_id, issued: 20 },
    ]);
    await expectSums(answer);
  });

  it('counts refreshed tokens, and what ends with a family, a client or by itself', async () => {
    const client = await one.createClient({ client_name: 'R', scope: 'read:profile', ...renewing });
    const more = await added(async () => {
      const first = await beginFamily(one, client);
      const second = await refresh(other, client, first.refresh_token);
      expect(second.status).toBe(200);
      expect((await refresh(one, client, first.refresh_token)).status).toBe(400);
    });
    // The reuse ends the family with both of its access tokens.
    expect(more).toEqual({
      tokens: { issued: 2, active: 0, revoked: 2, expired: 0 },
      requests: { succeeded: 2, failed: 1, by_error: { invalid_grant: 1 } },
    });
    const single = await added(async () => {
      const token = await one.tokenOf(client);
      await other.tokenOf(client);
      const revoked = await one.asAdmin('POST', `/admin/oauth/tokens/${decodeJwt(token).jti}/revoke`, {});
      expect(revoked.status).toBe(204);
    });
    expect(single.tokens).toEqual({ issued: 2, active: 1, revoked: 1, expired: 0 });
    const before = await statistics();
    const cut = await added(async () => {
      await one.tokenOf(client);
      await one.asAdmin('PATCH', `/admin/oauth/clients/${client.client_id}`, { status: 'disabled' });
    });
    expect(cut.tokens).toEqual({ issued: 1, active: -1, revoked: 2, expired: 0 });
    const after = await statistics();
    expect(after.clients).toEqual({
      total: before.clients.total,
      active: before.clients.active - 1,
      disabled: before.clients.disabled + 1,
    });
    await one.asAdmin('DELETE', `/admin/oauth/clients/${client.client_id}`);
    expect((await statistics()).clients).toEqual({
      total: before.clients.total - 1,
      active: before.clients.active - 1,
      disabled: before.clients.disabled,
    });
    await expectSums(await statistics());
  });

  it('counts what is refused before the endpoint is asked, and nothing of other endpoints', async () => {
    const more = await added(async () => {
      const headers = { authorization: basic(one.admin) };
      expect((await one.fetch('/oauth/token')).status).toBe(405);
      const huge = 'a'.repeat(70_000);
      expect((await other.fetch('/oauth/token', { method: 'POST', body: huge, headers })).status).toBe(413);
      expect((await one.fetch('/oauth/token', { method: 'POST', body: '{}', headers })).status).toBe(400);
      for (const endpoint of ['introspect', 'revoke']) {
        const body = new URLSearchParams({ token: 'x', client_id: 'nobody', client_secret: 'wrong' });
        expect((await one.fetch(`/oauth/${endpoint}`, { method: 'POST', body })).status).toBe(401);
      }
      expect((await one.fetch(path)).status).toBe(401);
    });
    expect(more).toMatchObject({
      tokens: { issued: 0 },
      requests: { succeeded: 0, failed: 3, by_error: { invalid_request: 3 } },
    });
  });

  it('U-11: counts each refusal of a flood, and loses none when the server ends', async () => {
    const third = await startServer({ beside: one });
    const limited = await one.createClient({ client_name: 'L', scope: 'read:profile', rate_limit_per_minute: 10 });
    const statuses: number[] = [];
    const more = await added(async () => {
      try {
        for (let round = 0; round < 10; round += 1) {
          const answers = await Promise.all(Array.from({ length: 50 }, () => third.requestToken(limited)));
          statuses.push(...answers.map(({ status }) => status));
        }
      } finally {
        await third.stop();
      }
    });
    const count = (status: number) => statuses.filter((it) => it === status).length;
    expect(count(429)).toBeGreaterThan(450);
    expect(count(200) + count(429)).toBe(500);
    expect(more.requests).toEqual({
      succeeded: count(200),
      failed: count(429),
      by_error: { temporarily_unavailable: count(429) },
    });
    await expectSums(await statistics());
  });

  it('cuts the same counts into days, and shows a range in which nothing happened as nothing', async () => {
    const hours = await statistics();
    const days = await statistics(one, { bucket: 'day' });
    expect({ ...days, series: [] }).toEqual({ ...hours, series: [] });
    expect([2, 3]).toContain(days.series.length);
    await expectSums(days);
    const past = await statistics(one, { from: '2026-01-01T00:00:00Z', to: '2026-01-01T03:00:00Z' });
    expect(past).toEqual({
      clients: hours.clients,
      tokens: { issued: 0, active: 0, revoked: 0, expired: 0 },
      requests: { succeeded: 0, failed: 0, by_error: {} },
      top_clients: [],
      hoarding: [],
      limited: [],
      series: ['00', '01', '02'].map((hour) => ({ at: `2026-01-01T${hour}:00:00.000Z`, issued: 0, failed: 0 })),
    });
  });

  it('M-15: 5,000 digits are refused', async () => {
    await expectProblem(await one.asAdmin('GET', `${path}?from=${'9'.repeat(5_000)}`), 400);
  });

  it.each([
    ['from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', '/from'],
    ['to=9999-12-31T23:59:59Z', '/to'],
    ['from=0001-01-01T00:00:00Z', '/from'],
    ['from=2001-01-01T00:00:00Z&bucket=day', '/from'],
    ['from=yesterday', '/from'],
    ['to=2026-02-30T00:00:00Z', '/to'],
    ['bucket=week', '/bucket'],
    ['bucket=', '/bucket'],
    ['bucket=day&bucket=hour', '/bucket'],
    ['from=%00', '/from'],
    [`bucket=hour'%3B%20DROP%20TABLE%20clients%3B--`, '/bucket'],
  ])('M-15: %s is refused', async (query, pointer) => {
    const response = await one.asAdmin('GET', `${path}?${query}`);
    await expectProblem(response, 400);
    const { errors } = (await response.json()) as { errors: { pointer: string }[] };
    expect(errors.map((error) => error.pointer)).toEqual([pointer]);
  });
});
