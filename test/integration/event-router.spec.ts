/** The router on a real database: the deliveries that it makes, several of it at once, and a crash in the middle. */
import { laneOf } from '../../src/events/records/index.js';
import type { EventRouter } from '../../src/events/router/event-router.js';
import { EventRoad } from './event-router-fixture.js';

interface Delivery {
  readonly subscription_id: string;
  readonly [column: string]: unknown;
}

const unrouted = 'FROM events WHERE routed_at IS NULL';

let road: EventRoad;

beforeAll(async () => {
  road = await EventRoad.open();
});

afterAll(() => road?.close());

afterEach(() => road.clear());

function deliveriesOf(eventId: string): Promise<Delivery[]> {
  return road.dataSource.query(
    `SELECT d.*, encode(ordering_key, 'hex') AS ordering_key, due_at <= statement_timestamp() AS is_due
     FROM deliveries d WHERE event_id = $1 ORDER BY subscription_id`,
    [eventId],
  );
}

async function drain({ router }: { router: EventRouter }): Promise<void> {
  while (await router.route());
}

describe('a batch', () => {
  it('makes a delivery for each live subscription that matches, and hints at its lane', async () => {
    const all = await road.subscribe();
    const orders = await road.subscribe({ event_types: ['order.*'], source: 'shop', ordering: 'subject' });
    const paused = await road.subscribe({ status: 'paused' });
    await road.subscribe({ event_types: ['order'] });
    await road.subscribe({ source: 'elsewhere' });
    await road.subscribe({ deleted_at: new Date() });
    const event = await road.publish({ subject: 'o-1', publisher: 'shop' });

    const one = road.newRouter();
    expect(await one.router.isWaiting()).toBe(true);
    expect(await one.router.route()).toBe(false);
    expect(await one.router.isWaiting()).toBe(false);

    const made = await deliveriesOf(event);
    expect(made.map(({ subscription_id: id }) => id)).toEqual([all, orders, paused].toSorted());
    for (const delivery of made) {
      expect(delivery).toMatchObject({
        event_type: 'order.paid',
        lane: 'bulk',
        publisher: 'shop',
        status: 'pending',
        attempt_count: 0,
        is_due: true,
        next_attempt_at: expect.any(Date),
        finished_at: null,
        lease_token: null,
      });
    }
    const keys = made.filter(({ ordering_key: key }) => key !== null);
    expect(keys).toEqual([expect.objectContaining({ subscription_id: orders })]);
    expect(one.work.map(({ subscriptionId }) => subscriptionId).toSorted()).toEqual([all, orders, paused].toSorted());
    expect(new Set(one.work.map(({ lane }) => lane))).toEqual(new Set(['bulk']));
  });

  it('gives the same key to what must stay in order, and to nothing else', async () => {
    await road.subscribe({ ordering: 'subject' });
    const events = [
      await road.publish({ subject: 'o-1' }),
      await road.publish({ subject: 'o-1' }),
      await road.publish({ subject: 'o-2' }),
      await road.publish({ subject: 'o-1', source: 'other' }),
      await road.publish(),
    ];
    await drain(road.newRouter());
    const made = await Promise.all(events.map((event) => deliveriesOf(event)));
    const keys = made.flat().map(({ ordering_key: key }) => key);
    expect(keys[0]).toBe(keys[1]);
    expect(new Set(keys).size).toBe(4);
    expect(keys[4]).toBeNull();
    const numbers = made.flat().map(({ seq }) => Number(seq));
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  });

  it('looks into the content where a filter asks, of big events too', async () => {
    const paid = await road.subscribe({ filter: JSON.stringify({ 'data.state': ['paid'] }) });
    const padding = 'x'.repeat(1_000_000);
    const envelope = (state: string) => JSON.stringify({ specversion: '1.0', data: { state, padding } });
    const events: string[] = [];
    for (let index = 0; index < 8; index += 1) {
      events.push(await road.publish({ envelope: envelope(index % 2 === 0 ? 'paid' : 'open') }));
    }
    const own = await road.publish({ type: 'oauth.key.rotated', data: JSON.stringify({ state: 'paid' }) });
    await drain(road.newRouter());
    const made = (await Promise.all(events.map((event) => deliveriesOf(event)))).map(({ length }) => length);
    expect(made).toEqual([1, 0, 1, 0, 1, 0, 1, 0]);
    expect(await deliveriesOf(own)).toEqual([expect.objectContaining({ subscription_id: paid, lane: 'security' })]);
    expect(laneOf('state.changed')).toBe('state');
  });

  it('takes a test event to its subscription alone, whatever that asks for', async () => {
    await road.subscribe();
    const tested = await road.subscribe({ event_types: ['nothing'], filter: JSON.stringify({ type: ['nothing'] }) });
    const event = await road.publish({ type: 'event.test', only_subscription_id: tested });
    await drain(road.newRouter());
    expect(await deliveriesOf(event)).toEqual([expect.objectContaining({ subscription_id: tested })]);
  });

  it('sees each subscription that was there when the event was committed', async () => {
    const { router } = road.newRouter();
    for (let count = 1; count <= 5; count += 1) {
      await road.subscribe();
      const event = await road.publish();
      await router.route();
      expect(await deliveriesOf(event)).toHaveLength(count);
    }
  });

  it('routes what nobody wants, and thousands of events from before there were numbers, oldest first', async () => {
    const nobody = await road.publish();
    await drain(road.newRouter());
    expect(await deliveriesOf(nobody)).toEqual([]);
    await road.subscribe();
    await road.publishMany(1_000);
    await road.dataSource.query(
      `UPDATE events SET seq = NULL, created_at = now() - random() * interval '90 days' WHERE routed_at IS NULL`,
    );
    const late = await road.publish();
    await drain(road.newRouter());
    expect(await road.count(unrouted)).toBe(0);
    const inOrder = await road.dataSource.query<{ event_id: string }[]>('SELECT event_id FROM deliveries ORDER BY seq');
    const asWritten = await road.dataSource.query<{ id: string }[]>(
      'SELECT e.id FROM events e JOIN deliveries d ON d.event_id = e.id ORDER BY e.created_at',
    );
    expect(inOrder.map(({ event_id: id }) => id)).toEqual(asWritten.map(({ id }) => id));
    expect(inOrder.at(-1)?.event_id).toBe(late);
  });
});

describe('several routers', () => {
  it('make one delivery of each event and subscription, while events are committed', async () => {
    for (let count = 0; count < 3; count += 1) await road.subscribe();
    const routers = [road.newRouter(), road.newRouter(), road.newRouter(), road.newRouter()];
    const published = new AbortController();
    const run = async ({ router }: { router: EventRouter }) => {
      while (!published.signal.aborted || (await router.isWaiting())) await router.route();
    };
    const running = Promise.all(routers.map(run));
    for (let round = 0; round < 10; round += 1) await road.publishMany(157);
    published.abort();
    await running;
    expect(await road.count('FROM events')).toBe(1_570);
    expect(await road.count(unrouted)).toBe(0);
    expect(await road.count('FROM deliveries')).toBe(3 * 1_570);
    expect(await road.count('FROM (SELECT DISTINCT event_id, subscription_id FROM deliveries) AS pairs')).toBe(
      3 * 1_570,
    );
  });

  it('pass over what another one holds, and over events that are not committed yet', async () => {
    await road.subscribe();
    await road.publishMany(3);
    const late = road.dataSource.createQueryRunner();
    await late.startTransaction();
    await late.query(
      `INSERT INTO events (id, source, source_id, type, occurred_at)
       VALUES (gen_random_uuid(), 'shop', 'late', 'order.paid', now())`,
    );
    await late.query(`SELECT 1 FROM events WHERE routed_at IS NULL AND source_id <> 'late' LIMIT 2 FOR UPDATE`);
    const one = road.newRouter();
    expect(await one.router.route()).toBe(false);
    expect(await road.count('FROM deliveries')).toBe(1);
    await late.commitTransaction();
    await late.release();
    await drain(one);
    expect(await road.count('FROM deliveries')).toBe(4);
  });
});

describe('a crash', () => {
  it('in the middle of a batch leaves the events as they were, and no hint', async () => {
    await road.subscribe();
    await road.publishMany(50);
    const { router, work } = road.newRouter();
    // The last statement of the transaction fails, after the deliveries were made.
    await road.dataSource.query(`
      CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$`);
    await road.dataSource.query(
      `CREATE TRIGGER fail BEFORE UPDATE OF routed_at ON events FOR EACH ROW EXECUTE FUNCTION fail()`,
    );
    await expect(router.route()).rejects.toMatchObject({ name: 'DatabaseUnavailable' });
    expect(await road.count('FROM deliveries')).toBe(0);
    expect(await road.count(unrouted)).toBe(50);
    expect(work).toEqual([]);
    await road.dataSource.query('DROP TRIGGER fail ON events');
    await drain({ router });
    expect(await road.count('FROM deliveries')).toBe(50);
    expect(work).toHaveLength(1);
  });

  it('after the deliveries were made but before the event was marked makes them no second time', async () => {
    await road.subscribe();
    const event = await road.publish();
    const one = road.newRouter();
    await drain(one);
    // As a restored backup, or a hand, may have it.
    await road.dataSource.query('UPDATE events SET routed_at = NULL');
    await drain(one);
    expect(await deliveriesOf(event)).toHaveLength(1);
    expect(one.work).toHaveLength(1);
  });
});

it('makes more deliveries of a batch than one statement takes', async () => {
  for (let count = 0; count < 25; count += 1) await road.subscribe();
  await road.publishMany(200);
  await drain(road.newRouter());
  expect(await road.count('FROM deliveries')).toBe(5_000);
  expect(await road.count(unrouted)).toBe(0);
});
