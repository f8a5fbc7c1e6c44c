/** What an open breaker holds: who may probe, and what is let go when it closes. */
import { randomUUID } from 'node:crypto';
import { AttemptRecorder } from '../../src/events/delivery/attempt-recorder.service.js';
import { HeldDeliveries } from '../../src/events/delivery/held-deliveries.repository.js';
import { Lanes } from '../../src/events/delivery/lanes.service.js';
import { LaneSweeper } from '../../src/events/delivery/lane-sweeper.service.js';
import { LeaseRepository } from '../../src/events/delivery/lease.repository.js';
import { SendableSubscriptions, type SendableSubscription } from '../../src/events/subscriptions/index.js';
import { EventRows } from '../support/event-rows.js';
import { startServer, type TestServer } from '../support/server.js';

/** More than are let go together. */
const crowd = 1_500;

let server: TestServer;
let rows: EventRows;
let clientId: string;
let leases: LeaseRepository;
let held: HeldDeliveries;

/** Nobody sends or sweeps by itself here. */
beforeAll(async () => {
  jest.spyOn(Lanes.prototype, 'wake').mockResolvedValue();
  jest.spyOn(LaneSweeper.prototype, 'onApplicationBootstrap').mockReturnValue();
  server = await startServer();
  rows = await EventRows.open(server);
  ({ client_id: clientId } = await server.createClient({ client_name: 'owner', scope: 'events:publish' }));
  leases = server.running.app.get(LeaseRepository, { strict: false });
  held = server.running.app.get(HeldDeliveries, { strict: false });
});

afterAll(async () => {
  await rows.close();
  await server.stop();
});

/** A subscription whose breaker is open and has a probe due, with so many deliveries that wait an hour. */
async function holding(count: number, subject?: string): Promise<SendableSubscription> {
  const ordering = subject === undefined ? 'none' : 'subject';
  const id = await rows.subscription({ clientId, delivery: 'push', ordering });
  for (let number = 0; number < count; number += 1) {
    await rows.delivery(id, { attempts: 1, ...(subject === undefined ? {} : { subject }) });
  }
  await rows.query(
    `UPDATE deliveries SET status = 'retrying', due_at = now() + interval '1 hour' WHERE subscription_id = $1`,
    [id],
  );
  await rows.query(
    `UPDATE subscription_health SET breaker = 'open', consecutive_failures = 10, opened_at = now(), probe_at = now(),
       probe_delay_seconds = 1 WHERE subscription_id = $1`,
    [id],
  );
  const subscription = await server.running.app.get(SendableSubscriptions, { strict: false }).find(id);
  if (subscription === undefined) throw new Error('no subscription');
  return subscription;
}

const close = (id: string) =>
  rows.query(`UPDATE subscription_health SET breaker = 'closed', probe_at = now() WHERE subscription_id = $1`, [id]);

const count = async (id: string, condition: string): Promise<number> => {
  const [row] = await rows.query<{ count: number }>(
    `SELECT count(*)::int4 FROM deliveries WHERE subscription_id = $1 AND ${condition}`,
    [id],
  );
  return row?.count ?? 0;
};

const marked = async (id: string): Promise<boolean> =>
  (await rows.query('SELECT 1 FROM subscription_health WHERE subscription_id = $1 AND probe_at IS NOT NULL', [id]))
    .length > 0;

const result = { statusCode: 204, error: null, excerpt: null, retryAfter: undefined, durationMs: 3 };

describe('a probe', () => {
  it('is any delivery that nobody holds, and one only, however many ask', async () => {
    const subscription = await holding(3);
    const asked = await Promise.all([1, 2, 3].map(() => leases.take(subscription, 'bulk', 10, true)));
    expect(asked.flatMap(({ deliveries }) => deliveries)).toMatchObject([{ probe: true, attemptCount: 1 }]);
    expect(await leases.look(subscription, 'bulk')).toMatchObject({ breakerOpen: true, dueInMs: 0 });
  });

  it('is no delivery that somebody holds', async () => {
    const subscription = await holding(2);
    await rows.query(`UPDATE deliveries SET lease_token = $2 WHERE subscription_id = $1`, [
      subscription.id,
      randomUUID(),
    ]);
    expect((await leases.take(subscription, 'bulk', 10, true)).deliveries).toEqual([]);
    await rows.query(
      `UPDATE deliveries SET due_at = now() WHERE id = (SELECT id FROM deliveries WHERE subscription_id = $1 LIMIT 1)`,
      [subscription.id],
    );
    expect((await leases.take(subscription, 'bulk', 10, true)).deliveries).toHaveLength(1);
  });

  it('is the first of a subject, although a later one is due before it', async () => {
    const subscription = await holding(3, 'one');
    const all = await rows.query<{ id: string }>('SELECT id FROM deliveries WHERE subscription_id = $1 ORDER BY seq', [
      subscription.id,
    ]);
    await rows.query('UPDATE deliveries SET due_at = now() WHERE id = $1', [all[2]?.id]);
    expect((await leases.take(subscription, 'bulk', 10, true)).deliveries.map(({ id }) => id)).toEqual([all[0]?.id]);
    expect(await count(subscription.id, `due_at = 'infinity'`)).toBe(2);
  });

  it('is nothing of a subscription that is paused', async () => {
    const subscription = await holding(1);
    await rows.query(`UPDATE subscriptions SET status = 'paused' WHERE id = $1`, [subscription.id]);
    expect((await leases.take(subscription, 'bulk', 10, true)).deliveries).toEqual([]);
  });
});

describe('a breaker that closes', () => {
  it('lets go at once what it held', async () => {
    const subscription = await holding(4);
    const recorder = server.running.app.get(AttemptRecorder, { strict: false });
    const { deliveries } = await leases.take(subscription, 'bulk', 10, true);
    const finished = deliveries.map((delivery) => ({
      delivery,
      result: { ...result, succeeded: true, beganAt: performance.now() },
    }));
    await recorder.record(subscription, finished);
    expect(await count(subscription.id, 'due_at <= now()')).toBe(4);
    expect((await leases.take(subscription, 'bulk', 10, false)).deliveries).toHaveLength(3);
    expect(await marked(subscription.id)).toBe(false);
  });

  it('leaves alone what is held by somebody, parked, or has failed since', async () => {
    const { id } = await holding(4);
    const [leased, parked, failed, waiting] = await rows.query<{ id: string }>(
      'SELECT id FROM deliveries WHERE subscription_id = $1',
      [id],
    );
    await rows.query('UPDATE deliveries SET lease_token = $2 WHERE id = $1', [leased?.id, randomUUID()]);
    await rows.query(`UPDATE deliveries SET due_at = 'infinity' WHERE id = $1`, [parked?.id]);
    await held.letGo(id);
    expect(await count(id, 'due_at <= now()')).toBe(0);

    await close(id);
    await rows.query(`UPDATE deliveries SET updated_at = now() + interval '1 second' WHERE id = $1`, [failed?.id]);
    await held.letGo(id);
    const due = await rows.query('SELECT id FROM deliveries WHERE subscription_id = $1 AND due_at <= now()', [id]);
    expect(due).toEqual([{ id: waiting?.id }]);
  });

  it('is remembered until all of a crowd has been let go', async () => {
    const { id } = await holding(1);
    await rows.query(
      `WITH made AS (
         INSERT INTO events (id, source, source_id, type, occurred_at, routed_at)
         SELECT gen_random_uuid(), 'shop', gen_random_uuid(), 'order.paid', now(), now() FROM generate_series(2, $2::int)
         RETURNING id, seq)
       INSERT INTO deliveries (id, event_id, subscription_id, event_type, lane, seq, status, due_at)
       SELECT gen_random_uuid(), id, $1, 'order.paid', 'bulk', seq, 'retrying', now() + interval '1 hour' FROM made`,
      [id, crowd],
    );
    await close(id);
    await held.letAllGo();
    expect(await marked(id)).toBe(true);
    await Promise.all([held.letAllGo(), held.letAllGo()]);
    expect(await count(id, 'due_at <= now()')).toBe(crowd);
    expect(await marked(id)).toBe(false);
  });
});
