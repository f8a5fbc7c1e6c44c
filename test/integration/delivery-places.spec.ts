/** How many deliveries of a subscription may be on their way at once, whoever sends them. */
import { randomUUID } from 'node:crypto';
import { Lanes } from '../../src/events/delivery/lanes.service.js';
import { LaneSweeper } from '../../src/events/delivery/lane-sweeper.service.js';
import { LeaseRepository } from '../../src/events/delivery/lease.repository.js';
import { SendableSubscriptions, type SendableSubscription } from '../../src/events/subscriptions/index.js';
import { EventRows } from '../support/event-rows.js';
import { until } from '../support/receiver.js';
import { startServer, type TestServer } from '../support/server.js';

let server: TestServer;
let rows: EventRows;
let clientId: string;
let leases: LeaseRepository;

/** Nobody sends or sweeps by itself here. */
beforeAll(async () => {
  jest.spyOn(Lanes.prototype, 'wake').mockResolvedValue();
  jest.spyOn(LaneSweeper.prototype, 'onApplicationBootstrap').mockReturnValue();
  server = await startServer();
  rows = await EventRows.open(server);
  ({ client_id: clientId } = await server.createClient({ client_name: 'owner', scope: 'events:publish' }));
  leases = server.running.app.get(LeaseRepository, { strict: false });
});

afterAll(async () => {
  await rows.close();
  await server.stop();
});

/** A subscription with so many places, and so many deliveries of each lane that are due. */
async function due(
  maxInFlight: number,
  { security = 0, bulk = 0 }: { readonly security?: number; readonly bulk?: number },
): Promise<SendableSubscription> {
  const id = await rows.subscription({ clientId, delivery: 'push' });
  await rows.query('UPDATE subscriptions SET max_in_flight = $2 WHERE id = $1', [id, maxInFlight]);
  for (let number = 0; number < bulk; number += 1) await rows.delivery(id);
  for (let number = 0; number < security; number += 1) await rows.delivery(id, { lane: 'security' });
  const subscription = await server.running.app.get(SendableSubscriptions, { strict: false }).find(id);
  if (subscription === undefined) throw new Error('no subscription');
  return subscription;
}

describe.each([
  ['quickly', false],
  ['with care', true],
])('what is taken %s', (_, careful) => {
  it('is bounded over all lanes, and leaves places to more urgent ones', async () => {
    const subscription = await due(3, { bulk: 5, security: 2 });
    const bulk = await leases.take(subscription, 'bulk', 3, careful);
    expect([bulk.deliveries.length, bulk.full, bulk.more]).toEqual([1, true, false]);
    expect((await leases.take(subscription, 'security', 3, careful)).deliveries).toHaveLength(2);
    expect(await leases.take(subscription, 'bulk', 3, careful)).toEqual({ deliveries: [], more: false, full: true });

    await leases.release(bulk.deliveries, 0);
    expect((await leases.take(subscription, 'bulk', 3, careful)).deliveries).toHaveLength(1);
  });

  it('is not less for leases that are over, nor for what is kept back for a poll', async () => {
    const subscription = await due(2, { bulk: 4 });
    const first = await leases.take(subscription, 'bulk', 2, careful);
    expect(first.deliveries).toHaveLength(2);
    for (const dueAt of [`now() + interval '1 second'`, `now() + interval '1 hour'`]) {
      await rows.query(
        `UPDATE deliveries SET due_at = ${dueAt} WHERE subscription_id = $1 AND lease_token IS NOT NULL`,
        [subscription.id],
      );
      const { deliveries } = await leases.take(subscription, 'bulk', 2, careful);
      expect(deliveries).toHaveLength(2);
      await leases.release(deliveries, 0);
    }
  });

  it('is not full when nothing is due', async () => {
    const subscription = await due(1, { bulk: 1, security: 1 });
    expect((await leases.take(subscription, 'security', 1, careful)).deliveries).toHaveLength(1);
    await rows.query(
      `UPDATE deliveries SET due_at = now() + interval '1 hour' WHERE subscription_id = $1 AND lane = 'bulk'`,
      [subscription.id],
    );
    expect(await leases.take(subscription, 'bulk', 1, careful)).toEqual({ deliveries: [], more: false, full: false });
  });

  it('is taken by one of those who ask at the same moment', async () => {
    const subscription = await due(1, { bulk: 4 });
    const locker = await EventRows.open(server);
    await locker.query('BEGIN');
    await locker.query('SELECT FROM subscription_health WHERE subscription_id = $1 FOR UPDATE', [subscription.id]);
    const asked = [false, careful].map((way) => leases.take(subscription, 'bulk', 1, way));
    await until(async () => {
      const waiting = await rows.query(
        `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`,
      );
      return waiting.length === asked.length;
    });
    await locker.query('COMMIT');
    await locker.close();
    const taken = await Promise.all(asked);
    expect(taken.flatMap(({ deliveries }) => deliveries)).toHaveLength(1);
    // Whoever has missed it asks again, and hears that there is no place.
    expect(taken.every(({ deliveries, more, full }) => deliveries.length === 1 || more || full)).toBe(true);
    expect(await leases.take(subscription, 'bulk', 1, false)).toEqual({ deliveries: [], more: false, full: true });
  });
});

it('a probe waits for a place, too', async () => {
  const subscription = await due(1, { bulk: 2 });
  await rows.query(
    `UPDATE deliveries SET lease_token = $2, due_at = now() + interval '15 seconds'
     WHERE id = (SELECT id FROM deliveries WHERE subscription_id = $1 LIMIT 1)`,
    [subscription.id, randomUUID()],
  );
  await rows.query(`UPDATE subscription_health SET breaker = 'open', probe_at = now() WHERE subscription_id = $1`, [
    subscription.id,
  ]);
  expect(await leases.take(subscription, 'bulk', 1, true)).toEqual({ deliveries: [], more: false, full: true });
  await rows.query('UPDATE deliveries SET due_at = now() WHERE subscription_id = $1', [subscription.id]);
  expect((await leases.take(subscription, 'bulk', 1, true)).deliveries).toMatchObject([{ probe: true }]);
});
