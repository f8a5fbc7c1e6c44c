/** How long deliveries, dead letters, attempts and events are kept. */
import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { AttemptPartitions } from '../../src/events/observation/attempt-partitions.js';
import { EventRetention } from '../../src/events/observation/event-retention.js';
import type { QueueBackend } from '../../src/queue/index.js';
import { ScheduledJobs } from '../../src/queue/index.js';
import { daysAgo, EventRoad } from './event-router-fixture.js';

let road: EventRoad;
let retention: EventRetention;
let subscription: string;

/** Nothing is scheduled here. */
const jobs = () => new ScheduledJobs({} as QueueBackend);

beforeAll(async () => {
  Logger.overrideLogger(false);
  road = await EventRoad.open();
  retention = new EventRetention(road.dataSource, jobs());
});

afterAll(() => road?.close());

beforeEach(async () => {
  subscription = await road.subscribe();
});

afterEach(() => road.clear());

function routed(days: number): Promise<string> {
  return road.publish({ created_at: daysAgo(days), routed_at: daysAgo(days) });
}

/** A delivery that was made so many days ago, with its event. */
async function finished(status: string, days: number, members: Record<string, unknown> = {}): Promise<string> {
  return road.deliver(await routed(days), subscription, { status, finished_at: daysAgo(days), ...members });
}

async function died(days: number, replayed = false): Promise<string> {
  const delivery = await finished('dead', days);
  const [row] = await road.dataSource.query<{ event_id: string }[]>('SELECT event_id FROM deliveries WHERE id = $1', [
    delivery,
  ]);
  await road.insert('dead_letters', {
    id: randomUUID(),
    delivery_id: delivery,
    event_id: row?.event_id,
    event_type: 'order.paid',
    subscription_id: subscription,
    reason: 'attempts_exhausted',
    attempt_count: 4,
    dead_at: daysAgo(days),
    replayed_at: replayed ? daysAgo(days) : null,
  });
  return delivery;
}

async function left(): Promise<Set<string>> {
  const rows = await road.dataSource.query<{ id: string }[]>('SELECT id FROM deliveries');
  return new Set(rows.map(({ id }) => id));
}

it('deliveries that are over go after a week, with the letters that were replayed; events after their last delivery', async () => {
  const kept = [
    await finished('succeeded', 6.9),
    await finished('pending', 60, { finished_at: null }),
    await finished('retrying', 60, { finished_at: null }),
    await died(6, true),
    await died(89),
  ];
  const gone = [
    await finished('succeeded', 7.1),
    await finished('cancelled', 8),
    await died(8, true),
    await died(91),
    await finished('dead', 8),
  ];
  expect((await left()).size).toBe(kept.length + gone.length);
  await retention.tend();
  expect(await left()).toEqual(new Set(kept));
  expect(await road.count('FROM dead_letters')).toBe(2);
  expect(await road.count('FROM events')).toBe(kept.length);
  expect(await road.count('FROM events e WHERE NOT EXISTS (SELECT FROM deliveries WHERE event_id = e.id)')).toBe(0);
});

it('an event that nobody wanted is remembered for a week after it was routed', async () => {
  const kept = [await routed(6.9), await road.publish({ created_at: daysAgo(30) })];
  await routed(7.1);
  await retention.tend();
  const rows = await road.dataSource.query<{ id: string }[]>('SELECT id FROM events');
  expect(rows.map(({ id }) => id).toSorted()).toEqual(kept.toSorted());
});

it('goes through any number of them, past what has to stay', async () => {
  const stay = [await died(20), await died(10)];
  await road.dataSource.query(
    `WITH e AS (
       INSERT INTO events (id, source, source_id, type, occurred_at, routed_at)
       SELECT gen_random_uuid(), 's', gen_random_uuid(), 'order.paid', now(), now() - i * interval '1 minute' - interval '8 days'
       FROM generate_series(1, 2500) AS i RETURNING id, routed_at)
     INSERT INTO deliveries (id, event_id, subscription_id, event_type, lane, seq, status, due_at, finished_at)
     SELECT gen_random_uuid(), id, $1, 'order.paid', 'bulk', 1, 'succeeded', now(), routed_at FROM e`,
    [subscription],
  );
  await retention.tend();
  expect(await left()).toEqual(new Set(stay));
  expect(await road.count('FROM events')).toBe(2);
});

it('passes over what somebody else holds', async () => {
  const held = await finished('succeeded', 8);
  await finished('succeeded', 8);
  const other = road.dataSource.createQueryRunner();
  await other.startTransaction();
  await other.query('SELECT 1 FROM deliveries WHERE id = $1 FOR UPDATE', [held]);
  await retention.tend();
  expect(await left()).toEqual(new Set([held]));
  await other.rollbackTransaction();
  await other.release();
  await retention.tend();
  expect(await left()).toEqual(new Set());
});

it('attempts are kept in partitions of a day, for a week', async () => {
  const at = (days: number) =>
    new AttemptPartitions(road.dataSource, { now: () => Date.now() + days * 86_400_000 }, jobs());
  const names = async () => {
    const rows = await road.dataSource.query<{ name: string }[]>(
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'delivery_attempts'::regclass ORDER BY 1`,
    );
    return rows.map(({ name }) => name);
  };
  await at(0).tend();
  const first = await names();
  expect(first).toHaveLength(8);
  await road.insert('delivery_attempts', {
    id: randomUUID(),
    at: new Date(),
    delivery_id: randomUUID(),
    subscription_id: subscription,
    attempt: 1,
    duration_ms: 1,
  });
  await at(7).tend();
  expect((await names()).slice(0, 8)).toEqual(first);
  expect(await road.count('FROM delivery_attempts')).toBe(1);
  await at(8).tend();
  expect(await names()).not.toContain(first[0]);
  expect(await road.count('FROM delivery_attempts')).toBe(0);
});
