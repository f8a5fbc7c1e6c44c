/** `/admin/events/metrics` over HTTP, the series of deliveries, and a backlog that costs little to look at. */
import { EventRoad } from '../support/event-road.js';
import { EventRows } from '../support/event-rows.js';
import { type Receiver, startReceiver, until } from '../support/receiver.js';
import { scrape } from '../support/scrape.js';
import { startServer, type TestServer } from '../support/server.js';

interface Numbers {
  readonly subscription_id: string;
  readonly [member: string]: unknown;
}

let server: TestServer;
let road: EventRoad;
let rows: EventRows;
let receiver: Receiver;

beforeAll(async () => {
  server = await startServer({ env: { EVENT_TARGET_NETWORKS: '127.0.0.0/8' } });
  road = new EventRoad(server);
  rows = await EventRows.open(server);
});

afterAll(async () => {
  await rows?.close();
  await server?.stop();
});

beforeEach(async () => {
  receiver = await startReceiver();
});

afterEach(async () => {
  await road.clear();
  await receiver.close();
});

async function all(): Promise<Numbers[]> {
  const response = await server.asAdmin('GET', '/admin/events/metrics');
  expect(response.status).toBe(200);
  return ((await response.json()) as { items: Numbers[] }).items;
}

async function numbersOf(id: string): Promise<Numbers> {
  const found = (await all()).find(({ subscription_id: one }) => one === id);
  if (found === undefined) throw new Error('no numbers');
  return found;
}

const nothing = {
  pending: 0,
  in_flight: 0,
  held: 0,
  succeeded: 0,
  dead: 0,
  oldest_pending_seconds: null,
  success_rate: null,
  p50_ms: null,
  p95_ms: null,
};

it('has an item with the members of the contract for each live subscription', async () => {
  const { id } = await road.subscribe(receiver.url);
  const { id: newer } = await road.subscribe(receiver.url);
  const items = await all();
  expect(items).toEqual([
    { subscription_id: newer, ...nothing },
    { subscription_id: id, ...nothing },
  ]);
  expect(Object.keys(items[0] ?? {})).toEqual(['subscription_id', ...Object.keys(nothing)]);
  await road.clear();
  expect(await all()).toEqual([]);
});

it('counts what was delivered, and measures the attempts', async () => {
  const { id } = await road.subscribe(receiver.url);
  await road.publish({}, {}, {}, {});
  await until(() => road.allAre('succeeded', 4, id));
  const numbers = await numbersOf(id);
  const { p50_ms: p50, p95_ms: p95 } = numbers;
  expect(numbers).toMatchObject({ ...nothing, succeeded: 4, success_rate: 1, p50_ms: p50, p95_ms: p95 });
  expect(Number.isSafeInteger(p50) && Number.isSafeInteger(p95)).toBe(true);
  expect(Number(p95)).toBeGreaterThanOrEqual(Number(p50));
});

it('what died counts until it is replayed, and then as a success', async () => {
  receiver.answer(() => 500);
  const { id } = await road.subscribe(receiver.url, { retry: { backoff_seconds: [1] } });
  await road.publish({});
  await until(() => road.allAre('dead', 1, id));
  const died = await numbersOf(id);
  const { p50_ms: p50, p95_ms: p95 } = died;
  expect(died).toMatchObject({ ...nothing, dead: 1, success_rate: 0, p50_ms: p50, p95_ms: p95 });
  receiver.answer(() => 200);
  const list = await server.asAdmin('GET', `/admin/events/dead-letters?subscription_id=${id}`);
  const { items } = (await list.json()) as { items: { id: string }[] };
  expect((await server.asAdmin('POST', `/admin/events/dead-letters/${items[0]?.id}/replay`)).status).toBe(202);
  await until(() => road.allAre('succeeded', 1, id));
  const after = await numbersOf(id);
  expect(after).toMatchObject({ pending: 0, dead: 0, succeeded: 1, oldest_pending_seconds: null });
  expect(after['success_rate']).toBeCloseTo(1 / 3);
});

it('tells what is in flight, pending and held apart', async () => {
  let finish: () => void = () => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  receiver.answer(() => finished.then(() => 200));
  const { id } = await road.subscribe(receiver.url, { max_in_flight: 2 });
  await road.publish({}, {}, {}, {}, {});
  await until(() => receiver.received.length === 2);
  await until(async () => (await numbersOf(id))['oldest_pending_seconds'] !== null);
  const busy = await numbersOf(id);
  expect(Number(busy['pending']) + Number(busy['in_flight'])).toBe(5);
  expect(Number(busy['in_flight'])).toBeGreaterThanOrEqual(2);
  await road.change(id, { status: 'paused' });
  finish();
  await until(async () => (await numbersOf(id))['in_flight'] === 0);
  const paused = await numbersOf(id);
  expect(paused['pending']).toBe(0);
  expect(Number(paused['held']) + Number(paused['succeeded'])).toBe(5);
  await road.change(id, { status: 'active' });
  await until(() => road.allAre('succeeded', 5, id));
  expect(await numbersOf(id)).toMatchObject({ pending: 0, held: 0, succeeded: 5 });
});

it('counts a backlog up to 10,000, here and for Prometheus', async () => {
  const { client_id: clientId } = await server.createClient({ client_name: 'R', scope: 'events:publish' });
  const id = await rows.subscription({ clientId, status: 'paused' });
  await rows.query(
    `WITH e AS (
       INSERT INTO events (id, source, source_id, type, occurred_at, routed_at)
       SELECT gen_random_uuid(), 's', gen_random_uuid(), 'test.happened', now(), now() FROM generate_series(1, 11000)
       RETURNING id)
     INSERT INTO deliveries (id, event_id, subscription_id, event_type, lane, seq, due_at, created_at)
     SELECT gen_random_uuid(), id, $1, 'test.happened', 'bulk', row_number() OVER (), now() - interval '1 hour', now() - interval '1 hour'
     FROM e`,
    [id],
  );
  expect(await numbersOf(id)).toMatchObject({ pending: 0, held: 10_000, dead: 0 });
  expect(Number((await numbersOf(id))['oldest_pending_seconds'])).toBeGreaterThanOrEqual(3_600);
  const list = await server.asAdmin('GET', `/admin/events/deliveries?subscription_id=${id}&status=held&limit=1`);
  expect(((await list.json()) as { items: unknown[] }).items).toHaveLength(1);
  await rows.deadLetter(id);

  const metrics = await scrape(server);
  expect(metrics.value('signet_deliveries_open', { lane: 'bulk' })).toBe(10_000);
  expect(metrics.value('signet_deliveries_open', { lane: 'security' })).toBe(0);
  // Nobody waits for what is held.
  expect(metrics.value('signet_deliveries_oldest_due_seconds', { lane: 'bulk' })).toBe(0);
  expect(metrics.value('signet_dead_letters', {})).toBe(1);
  expect(metrics.value('signet_events_routed_total', {})).toBeGreaterThanOrEqual(10);
  expect(metrics.value('signet_deliveries_made_total', { lane: 'bulk' })).toBeGreaterThanOrEqual(10);
});
