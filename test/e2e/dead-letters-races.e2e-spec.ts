/** Dead letters under double clicks, on two servers of one database: one delivery or none, never two (security.md E-17, Z-11). */
import { EventRows } from '../support/event-rows.js';
import { startServer, type TestServer } from '../support/server.js';

const path = '/admin/events/dead-letters';

let servers: readonly [TestServer, TestServer];
let rows: EventRows;
let clientId: string;
let bearer: string;

beforeAll(async () => {
  const server = await startServer();
  servers = [server, await startServer({ beside: server })];
  rows = await EventRows.open(server);
  await server.asAdmin('POST', '/admin/oauth/scopes', { name: 'events:poll' });
  const client = await server.createClient({ client_name: 'Receiver', scope: 'events:poll' });
  clientId = client.client_id;
  bearer = await server.tokenOf(client);
  await Promise.all(servers.map((each) => each.adminToken()));
});

afterAll(async () => {
  await rows?.close();
  for (const server of servers.toReversed()) await server.stop();
});

function either(n: number): TestServer {
  return servers[n % 2] as TestServer;
}

async function statuses(requests: readonly (() => Promise<Response>)[]): Promise<Record<number, number>> {
  const answers = await Promise.all(requests.map((request) => request()));
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

async function polled(subscription: string): Promise<unknown[]> {
  const headers = { authorization: `Bearer ${bearer}` };
  const response = await servers[0].fetch(`/events/poll?subscription_id=${subscription}&max_events=100`, { headers });
  return ((await response.json()) as { items: unknown[] }).items;
}

function times<T>(count: number, make: (n: number) => T): T[] {
  return Array.from({ length: count }, (_, n) => make(n));
}

it('E-17, Z-11: replays once, whoever asks however often', async () => {
  const subscription = await rows.subscription({ clientId });
  const { id, eventId, deadLetterId } = await rows.deadLetter(subscription);
  const clicks = times(50, (n) => () => either(n).asAdmin('POST', `${path}/${deadLetterId}/replay`));
  expect(await statuses(clicks)).toEqual({ 202: 1, 404: 49 });
  expect(await polled(subscription)).toEqual([
    expect.objectContaining({ delivery_id: id, webhook_id: eventId, attempt: 5 }),
  ]);
  expect(await polled(subscription)).toEqual([]);
});

it('Z-11: replays or deletes, never both', async () => {
  const subscription = await rows.subscription({ clientId });
  let deliveries = 0;
  for (let round = 0; round < 20; round += 1) {
    const own = `${path}/${(await rows.deadLetter(subscription)).deadLetterId}`;
    const counts = await statuses([
      ...times(3, (n) => () => either(n).asAdmin('POST', `${own}/replay`)),
      ...times(3, (n) => () => either(n + round).asAdmin('DELETE', own)),
    ]);
    expect([counts[404], (counts[202] ?? 0) + (counts[204] ?? 0)]).toEqual([5, 1]);
    deliveries += counts[202] ?? 0;
  }
  expect((await polled(subscription)).length).toBe(deliveries);
});

it('Z-11: counts each once, when all are replayed from everywhere at once', async () => {
  const subscription = await rows.subscription({ clientId });
  const letters: { readonly deadLetterId: string }[] = [];
  for (let n = 0; n < 90; n += 1) letters.push(await rows.deadLetter(subscription));
  const all = times(6, (n) => async () => {
    const body = { subscription_id: subscription };
    const response = await either(n).asAdmin('POST', `${path}/replay`, body);
    return ((await response.json()) as { replayed: number }).replayed;
  });
  const single = times(6, (n) => async () => {
    const response = await either(n).asAdmin('POST', `${path}/${letters[n * 15]?.deadLetterId}/replay`);
    return response.status === 202 ? 1 : 0;
  });
  const counts = await Promise.all([...single, ...all].map((ask) => ask()));
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(90);
  expect((await polled(subscription)).length).toBe(90);
  expect(await polled(subscription)).toEqual([]);
});

it('replays nothing to a subscription that is deleted meanwhile', async () => {
  for (let round = 0; round < 10; round += 1) {
    const subscription = await rows.subscription({ clientId });
    const { id, deadLetterId } = await rows.deadLetter(subscription);
    const [replay] = await Promise.all([
      either(round).asAdmin('POST', `${path}/${deadLetterId}/replay`),
      either(round + 1).asAdmin('POST', `${path}/replay`, { subscription_id: subscription }),
      rows.query(
        `WITH gone AS (UPDATE subscriptions SET deleted_at = now() WHERE id = $1 RETURNING id) SELECT id FROM gone`,
        [subscription],
      ),
    ]);
    expect([202, 404, 409]).toContain(replay.status);
    const [row] = await rows.query<{ status: string; replayed: boolean }>(
      `SELECT d.status, l.replayed_at IS NOT NULL AS replayed FROM deliveries d JOIN dead_letters l ON l.delivery_id = d.id
       WHERE d.id = $1`,
      [id],
    );
    expect(row?.status).toBe(row?.replayed === true ? 'pending' : 'dead');
  }
});
