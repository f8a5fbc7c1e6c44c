/** Quotas and failure budgets of one server, over HTTP (security.md D14, L-01); what statistics and metrics tell of them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { failureBudgets } from '../../src/limits/index.js';
import { expectInvalidClient, expectOAuthError, expectProblem } from '../support/refusal.js';
import { riseOf } from '../support/scrape.js';
import { basic, type Credentials, startServer, type TestServer } from '../support/server.js';

interface Statistics {
  readonly requests: { succeeded: number; failed: number };
  readonly hoarding: { client_id: string; issued: number; live: number }[];
  readonly limited: { client_id: string; limit: string; refused: number; would_be_refused: number }[];
}

let server: TestServer;

beforeAll(async () => {
  server = await startServer({ env: { TRUST_PROXY: '127.0.0.1' } });
});

afterAll(() => server?.stop());

/** Asks until what is counted once a second is there. */
async function statistics(isThere: (answer: Statistics) => boolean): Promise<Statistics> {
  for (let tries = 0; ; tries += 1) {
    const response = await server.asAdmin('GET', '/admin/oauth/statistics');
    const answer = (await response.json()) as Statistics;
    if (isThere(answer) || tries === 100) return answer;
    await sleep(50);
  }
}

async function inTurn(count: number, request: () => Promise<Response>): Promise<Response[]> {
  const answers: Response[] = [];
  for (let number = 0; number < count; number += 1) answers.push(await request());
  return answers;
}

function from(address: string, { client_id, client_secret }: Credentials): Promise<Response> {
  return server.fetch('/oauth/token', {
    method: 'POST',
    headers: { authorization: basic({ client_id, client_secret }), 'x-forwarded-for': address },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
}

describe('rate_limit_per_day', () => {
  it('L-01: over it 429 and the seconds until the next day of UTC; nobody else waits', async () => {
    const client = await server.createClient({ client_name: 'D', rate_limit_per_day: 3 });
    const other = await server.createClient({ client_name: 'O', rate_limit_per_day: 3 });
    const answers = await inTurn(5, () => server.requestToken(client));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429, 429]);
    for (const answer of answers.slice(3)) {
      await expectOAuthError(answer, 429, 'temporarily_unavailable');
      const wait = answer.headers.get('retry-after') ?? '';
      expect(wait).toMatch(/^[1-9]\d*$/);
      expect(Number(wait)).toBeLessThanOrEqual(86_400);
    }
    expect((await server.requestToken(other)).status).toBe(200);
  });

  it('a higher one counts at once', async () => {
    const client = await server.createClient({ client_name: 'D', rate_limit_per_day: 1 });
    await inTurn(2, () => server.requestToken(client));
    const changed = await server.asAdmin('PATCH', `/admin/oauth/clients/${client.client_id}`, {
      rate_limit_per_day: 2,
    });
    expect(await changed.json()).toMatchObject({ rate_limit_per_day: 2, rate_limit_mode: 'enforce' });
    const answers = await inTurn(2, () => server.requestToken(client));
    expect(answers.map(({ status }) => status)).toEqual([200, 429]);
  });
});

describe('rate_limit_mode', () => {
  it('report: nothing is refused, and what would have been is counted', async () => {
    const client = await server.createClient({
      client_name: 'R',
      rate_limit_per_minute: 2,
      rate_limit_per_day: 3,
      rate_limit_mode: 'report',
    });
    const rise = await riseOf(server, async () => {
      const answers = await inTurn(5, () => server.requestToken(client));
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    });
    expect(rise('signet_limit_refusals_total', { limit: 'client_minute', mode: 'report' })).toBe(3);
    expect(rise('signet_limit_refusals_total', { limit: 'client_day', mode: 'report' })).toBe(2);
    const ofClient = ({ limited }: Statistics) => limited.filter(({ client_id }) => client_id === client.client_id);
    const reported = (answer: Statistics) =>
      ofClient(answer).reduce((sum, { would_be_refused: count }) => sum + count, 0);
    expect(ofClient(await statistics((answer) => reported(answer) === 5))).toEqual([
      { client_id: client.client_id, limit: 'minute', refused: 0, would_be_refused: 3 },
      { client_id: client.client_id, limit: 'day', refused: 0, would_be_refused: 2 },
    ]);
  });

  it('enforce: each refusal is counted once', async () => {
    const client = await server.createClient({ client_name: 'E', rate_limit_per_minute: 1 });
    const rise = await riseOf(server, () => inTurn(4, () => server.requestToken(client)));
    expect(rise('signet_limit_refusals_total', { limit: 'client_minute', mode: 'enforce' })).toBe(3);
    const ofClient = ({ limited }: Statistics) => limited.filter(({ client_id }) => client_id === client.client_id);
    expect(ofClient(await statistics((answer) => ofClient(answer)[0]?.refused === 3))).toEqual([
      { client_id: client.client_id, limit: 'minute', refused: 3, would_be_refused: 0 },
    ]);
  });

  it.each([
    ['rate_limit_per_minute', 0],
    ['rate_limit_per_minute', 1_000_001],
    ['rate_limit_per_day', 0],
    ['rate_limit_per_day', 1_000_000_001],
    ['rate_limit_per_day', 1.5],
    ['rate_limit_per_day', '5'],
    ['rate_limit_mode', 'off'],
    ['rate_limit_mode', 1],
    ['token_coalescing_seconds', -1],
    ['token_coalescing_seconds', 61],
  ])('%s: %s is refused by name', async (member, value) => {
    const response = await server.asAdmin('PATCH', '/admin/oauth/clients/admin', { [member]: value });
    await expectProblem(response, 400);
    const { errors } = (await response.json()) as { errors: { pointer: string }[] };
    expect(errors.map(({ pointer }) => pointer)).toEqual([`/${member}`]);
  });

  it('null goes back to the defaults', async () => {
    const { client_id } = await server.createClient({
      client_name: 'N',
      rate_limit_per_day: 5,
      rate_limit_mode: 'report',
      token_coalescing_seconds: 10,
    });
    const removed = { rate_limit_per_day: null, rate_limit_mode: null, token_coalescing_seconds: null };
    await server.asAdmin('PATCH', `/admin/oauth/clients/${client_id}`, removed);
    expect(await (await server.asAdmin('GET', `/admin/oauth/clients/${client_id}`)).json()).toMatchObject({
      rate_limit_per_day: null,
      rate_limit_mode: 'enforce',
      token_coalescing_seconds: 0,
    });
  });
});

describe('D14: somebody who guesses', () => {
  it('is slowed down; the client itself is not, from that network or another', async () => {
    const client = await server.createClient({ client_name: 'V' });
    const guess = { ...client, client_secret: 'guess' };
    const attempts = failureBudgets.clientAndNetwork + 50;
    const rise = await riseOf(server, async () => {
      let refused = 0;
      for (let begun = 0; begun < attempts; begun += 50) {
        const answers = await Promise.all(Array.from({ length: 50 }, () => from('192.0.2.1', guess)));
        refused += answers.filter(({ status }) => status === 429).length;
      }
      expect(refused).toBeGreaterThan(0);
    });
    expect(rise('signet_limit_refusals_total', { limit: 'client_network', mode: 'enforce' })).toBeGreaterThan(0);
    // Its neighbour is of the same network; what has flowed in meanwhile is soon used up.
    const neighbours = await Promise.all(Array.from({ length: 100 }, () => from('192.0.2.77', guess)));
    const refused = neighbours.find(({ status }) => status === 429);
    expect(refused).toBeDefined();
    if (refused !== undefined) await expectOAuthError(refused, 429, 'temporarily_unavailable');
    expect((await from('192.0.2.1', client)).status).toBe(200);
    expect((await from('198.51.100.1', client)).status).toBe(200);
    await expectInvalidClient(await from('198.51.100.1', guess));
  });
});

describe('hoarding', () => {
  it('shows who holds many live tokens at a time, until they have ended', async () => {
    const client = await server.createClient({ client_name: 'H' });
    const modest = await server.createClient({ client_name: 'M' });
    await inTurn(12, () => server.requestToken(client));
    await server.requestToken(modest);
    const { hoarding } = await statistics(() => true);
    expect(hoarding).toContainEqual({ client_id: client.client_id, issued: 12, live: 12 });
    expect(hoarding.map(({ client_id }) => client_id)).not.toContain(modest.client_id);
    await server.asAdmin('POST', `/admin/oauth/clients/${client.client_id}/revoke-tokens`);
    const after = await statistics(() => true);
    expect(after.hoarding.map(({ client_id }) => client_id)).not.toContain(client.client_id);
  });
});
