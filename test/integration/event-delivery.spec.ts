import { randomUUID } from 'node:crypto';
import { AttemptRecorder } from '../../src/events/delivery/attempt-recorder.service.js';
import type { FinishedAttempt } from '../../src/events/delivery/attempt.js';
import { Lanes } from '../../src/events/delivery/lanes.service.js';
import { LaneSweeper } from '../../src/events/delivery/lane-sweeper.service.js';
import { LeaseRepository } from '../../src/events/delivery/lease.repository.js';
import { RouterRepository } from '../../src/events/router/router.repository.js';
import { SendableSubscriptions, type SendableSubscription } from '../../src/events/subscriptions/index.js';
import { EventRoad } from '../support/event-road.js';
import { EventRows } from '../support/event-rows.js';
import { until } from '../support/receiver.js';
import { startServer, type TestServer } from '../support/server.js';

let server: TestServer;
let road: EventRoad;
let rows: EventRows;
let leases: LeaseRepository;
let recorder: AttemptRecorder;

/** Nobody sends by itself here. */
beforeAll(async () => {
  jest.spyOn(Lanes.prototype, 'wake').mockResolvedValue();
  server = await startServer({ env: { EVENT_TARGET_NETWORKS: '127.0.0.0/8' } });
  road = new EventRoad(server);
  rows = await EventRows.open(server);
  leases = server.running.app.get(LeaseRepository, { strict: false });
  recorder = server.running.app.get(AttemptRecorder, { strict: false });
});

afterEach(() => road.clear());

afterAll(async () => {
  await rows.close();
  await server.stop();
});

/** A subscription with so many deliveries that are due. */
async function due(
  count: number,
  members: Record<string, unknown> = {},
  subject?: string,
): Promise<SendableSubscription> {
  const { id } = await road.subscribe('http://127.0.0.1:1/', members);
  await road.publish(
    ...Array.from({ length: count }, (_, data) => ({ data, ...(subject === undefined ? {} : { subject }) })),
  );
  await until(async () => (await road.statuses(id)).length === count);
  const subscription = await server.running.app.get(SendableSubscriptions, { strict: false }).find(id);
  if (subscription === undefined) throw new Error('no subscription');
  return subscription;
}

type Result = FinishedAttempt['result'];

const success: Result = {
  succeeded: true,
  statusCode: 204,
  error: null,
  excerpt: null,
  retryAfter: undefined,
  beganAt: 0,
  durationMs: 3,
};

const failure: Result = { ...success, succeeded: false, statusCode: 500, error: 'http_500', excerpt: 'no' };

const ended = (result: Result): Result => ({ ...result, beganAt: performance.now() });

const health = async (id: string) =>
  (await rows.query<Record<string, unknown>>('SELECT * FROM subscription_health WHERE subscription_id = $1', [id]))[0];

describe('a lease', () => {
  it('is one’s alone, of as many as were asked for', async () => {
    const subscription = await due(5);
    const [one, other] = await Promise.all([
      leases.take(subscription, 'bulk', 3, false),
      leases.take(subscription, 'bulk', 3, false),
    ]);
    const taken = [...one.deliveries, ...other.deliveries].map(({ id }) => id);
    expect(new Set(taken).size).toBe(taken.length);
    expect((await leases.take(subscription, 'bulk', 50, false)).deliveries).toHaveLength(5 - taken.length);
  });

  it('is not given to who knows another version of the subscription, nor while it is paused', async () => {
    const subscription = await due(1);
    expect((await leases.take({ ...subscription, version: '99' }, 'bulk', 1, false)).deliveries).toEqual([]);
    expect((await leases.take({ ...subscription, version: '99' }, 'bulk', 1, true)).deliveries).toEqual([]);
    await road.change(subscription.id, { status: 'paused' });
    expect((await leases.take(subscription, 'bulk', 1, false)).deliveries).toEqual([]);
    expect((await leases.take(subscription, 'bulk', 1, true)).deliveries).toEqual([]);
  });

  it('takes as many large events as fit into memory, and one at least', async () => {
    const { id } = await road.subscribe('http://127.0.0.1:1/');
    await road.publish({ data: 'x'.repeat(900_000) });
    await road.publish({ data: 'y'.repeat(900_000) });
    await until(async () => (await road.statuses(id)).length === 2);
    const subscription = await server.running.app.get(SendableSubscriptions, { strict: false }).find(id);
    if (subscription === undefined) throw new Error('no subscription');
    const first = await leases.take(subscription, 'bulk', 10, false);
    expect(first.deliveries).toHaveLength(1);
    expect(first.more).toBe(true);
    expect((await leases.take(subscription, 'bulk', 10, true)).deliveries).toHaveLength(1);
  });

  it('that has ended and was given to another records nothing', async () => {
    const subscription = await due(1);
    const { deliveries: late } = await leases.take(subscription, 'bulk', 1, false);
    await rows.query('UPDATE deliveries SET due_at = now() WHERE subscription_id = $1', [subscription.id]);
    const { deliveries: live } = await leases.take(subscription, 'bulk', 1, false);
    expect(live[0]?.eventId).toBe(late[0]?.eventId);
    const before = await health(subscription.id);

    for (const result of [success, failure, { ...failure, statusCode: 410 }]) {
      await recorder.record(subscription, [{ delivery: late[0]!, result: ended(result) }]);
    }
    expect(await road.delivery(subscription.id)).toMatchObject({ status: 'pending', attempt_count: 0, attempts: [] });
    expect(await health(subscription.id)).toEqual(before);

    const done = [{ delivery: live[0]!, result: ended(success) }];
    await Promise.all([recorder.record(subscription, done), recorder.record(subscription, done)]);
    const delivery = await road.delivery(subscription.id);
    expect(delivery).toMatchObject({ status: 'succeeded', attempt_count: 1 });
    expect(delivery.attempts).toHaveLength(1);
  });
});

describe('what is recorded', () => {
  it('counts results of the same moment in their order', async () => {
    const subscription = await due(14, { max_in_flight: 14 });
    const { deliveries } = await leases.take(subscription, 'bulk', 14, false);
    const results = deliveries.map((_, index) => ended(index === 4 ? success : failure));
    await recorder.record(
      subscription,
      deliveries.slice(0, 13).map((delivery, index) => ({ delivery, result: results[index]! })),
    );
    expect(await health(subscription.id)).toMatchObject({
      breaker: 'closed',
      consecutive_failures: 8,
      attempts_succeeded: '1',
      attempts_failed: '12',
      succeeded: '1',
    });
    await recorder.record(subscription, [{ delivery: deliveries[13]!, result: ended(failure) }]);
    expect(await health(subscription.id)).toMatchObject({ breaker: 'closed', consecutive_failures: 9 });
  });

  it('lets the interval between probes grow to half a minute, and no further', async () => {
    const subscription = await due(10);
    const { deliveries } = await leases.take(subscription, 'bulk', 10, false);
    await recorder.record(
      subscription,
      deliveries.map((delivery) => ({ delivery, result: ended(failure) })),
    );
    const delays: unknown[] = [];
    for (let probes = 0; probes < 8; probes += 1) {
      delays.push((await health(subscription.id))?.['probe_delay_seconds']);
      expect((await leases.take(subscription, 'bulk', 10, true)).deliveries).toEqual([]);
      await rows.query(`UPDATE subscription_health SET probe_at = now() WHERE subscription_id = $1`, [subscription.id]);
      await rows.query(`UPDATE deliveries SET due_at = now() WHERE subscription_id = $1`, [subscription.id]);
      const { deliveries: probe } = await leases.take(subscription, 'bulk', 10, true);
      expect(probe).toMatchObject([{ probe: true }]);
      // Nobody else, while it is under way.
      expect((await leases.take(subscription, 'bulk', 10, true)).deliveries).toEqual([]);
      await recorder.record(subscription, [{ delivery: probe[0]!, result: ended(failure) }]);
    }
    expect(delays).toEqual([1, 2, 4, 8, 16, 30, 30, 30]);
    expect((await road.deliveries(subscription.id)).every(({ attempt_count }) => attempt_count === 1)).toBe(true);
  });
});

describe('an endpoint that asks for time', () => {
  /** Milliseconds until the next probe, from the moment at which the failures are recorded. */
  const probeAfter = async (retryAfter: number | undefined, probes: number): Promise<number> => {
    const subscription = await due(10);
    const { deliveries } = await leases.take(subscription, 'bulk', 10, false);
    await recorder.record(
      subscription,
      deliveries.map((delivery) => ({ delivery, result: ended({ ...failure, statusCode: 429, retryAfter }) })),
    );
    for (let probe = 0; probe < probes; probe += 1) {
      await rows.query('UPDATE subscription_health SET probe_at = now() WHERE subscription_id = $1', [subscription.id]);
      const { deliveries: taken } = await leases.take(subscription, 'bulk', 10, true);
      await recorder.record(subscription, [{ delivery: taken[0]!, result: ended({ ...failure, retryAfter }) }]);
    }
    const [row] = await rows.query<{ seconds: number }>(
      `SELECT round(extract(epoch FROM h.probe_at - (SELECT max(updated_at) FROM deliveries WHERE subscription_id = $1)))::float8
         AS seconds FROM subscription_health h WHERE subscription_id = $1`,
      [subscription.id],
    );
    return row?.seconds ?? NaN;
  };

  it.each([
    ['gets it before the first probe', 20, 0, 20],
    ['gets it between probes', 20, 1, 20],
    ['gets half a minute at most', 3_600, 0, 30],
    ['for less than the interval does not shorten it', 1, 2, 4],
  ])('%s', async (_, retryAfter, probes, seconds) => {
    expect(await probeAfter(retryAfter, probes)).toBe(seconds);
  });
});

describe('parked deliveries of a subject', () => {
  const parked = async (id: string) =>
    (await rows.query(`SELECT 1 FROM deliveries WHERE subscription_id = $1 AND due_at = 'infinity'`, [id])).length;

  it('are due one after the other, as the one before them ends', async () => {
    const subscription = await due(4, { ordering: 'subject' }, 'one');
    for (let left = 3; left >= 0; left -= 1) {
      const { deliveries } = await leases.take(subscription, 'bulk', 10, true);
      expect(deliveries.map(({ event }) => JSON.parse(event.envelope ?? '') as unknown)).toMatchObject([
        { data: 3 - left },
      ]);
      expect(await parked(subscription.id)).toBe(left);
      expect((await leases.take(subscription, 'bulk', 10, true)).deliveries).toEqual([]);
      await recorder.record(subscription, [{ delivery: deliveries[0]!, result: ended(success) }]);
    }
    expect(await road.allAre('succeeded', 4, subscription.id)).toBe(true);
  });

  it('wait for an event of the subject that is not yet routed', async () => {
    const subscription = await due(1, { ordering: 'subject' }, 'late');
    const router = jest.spyOn(RouterRepository.prototype, 'claim').mockResolvedValue([]);
    await rows.query(
      `INSERT INTO events (id, source, source_id, type, subject, occurred_at, seq, envelope)
       SELECT $1, e.source, 'earlier', e.type, e.subject, now(), e.seq - 1, '{"data":"earlier"}'
       FROM deliveries d JOIN events e ON e.id = d.event_id WHERE d.subscription_id = $2`,
      [randomUUID(), subscription.id],
    );
    expect((await leases.take(subscription, 'bulk', 10, true)).deliveries).toEqual([]);
    expect(await parked(subscription.id)).toBe(0);
    router.mockRestore();

    await until(async () => (await road.statuses(subscription.id)).length === 2);
    const { deliveries } = await leases.take(subscription, 'bulk', 10, true);
    expect(deliveries.map(({ event }) => event.sourceId)).toEqual(['earlier']);
  });

  it('let one that is replayed wait for a later one that is on its way', async () => {
    const subscription = await due(2, { ordering: 'subject' }, 'replayed');
    await rows.query(
      `UPDATE deliveries SET status = 'dead' WHERE id =
         (SELECT id FROM deliveries WHERE subscription_id = $1 ORDER BY seq LIMIT 1)`,
      [subscription.id],
    );
    const { deliveries: later } = await leases.take(subscription, 'bulk', 10, true);
    expect(later).toHaveLength(1);
    await rows.query(
      `UPDATE deliveries SET status = 'pending', due_at = now() WHERE subscription_id = $1 AND status = 'dead'`,
      [subscription.id],
    );
    expect((await leases.take(subscription, 'bulk', 10, true)).deliveries).toEqual([]);
    expect(await parked(subscription.id)).toBe(0);

    await recorder.record(subscription, [{ delivery: later[0]!, result: ended(failure) }]);
    await rows.query('UPDATE deliveries SET due_at = now() WHERE subscription_id = $1', [subscription.id]);
    const { deliveries: replayed } = await leases.take(subscription, 'bulk', 10, true);
    expect(replayed.map(({ event }) => JSON.parse(event.envelope ?? '') as unknown)).toMatchObject([{ data: 0 }]);
  });

  it('are found again when nobody has called them', async () => {
    const subscription = await due(2, { ordering: 'subject' }, 'two');
    await rows.query(`UPDATE deliveries SET due_at = 'infinity' WHERE subscription_id = $1`, [subscription.id]);
    await server.running.app.get(LaneSweeper, { strict: false }).unpark();
    expect(await parked(subscription.id)).toBe(1);
    await road.change(subscription.id, { ordering: 'none' });
    await rows.query(`UPDATE deliveries SET due_at = 'infinity' WHERE subscription_id = $1`, [subscription.id]);
    await server.running.app.get(LaneSweeper, { strict: false }).unpark();
    expect(await parked(subscription.id)).toBe(0);
  });
});
