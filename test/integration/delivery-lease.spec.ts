/** A lease whose answer is lost with the connection. */
import { DataSource } from 'typeorm';
import { Postgres } from '../../src/database/index.js';
import { DeliveryDatabase } from '../../src/events/delivery/delivery-database.js';
import { Lanes } from '../../src/events/delivery/lanes.service.js';
import { LeaseRepository } from '../../src/events/delivery/lease.repository.js';
import { SendableSubscriptions } from '../../src/events/subscriptions/index.js';
import { type DatabaseProxy, openDatabaseProxy } from '../support/database-proxy.js';
import { EventRows } from '../support/event-rows.js';
import { until } from '../support/receiver.js';
import { startServer, type TestServer } from '../support/server.js';

let server: TestServer;
let rows: EventRows;
let proxy: DatabaseProxy;
let postgres: Postgres;
let leases: LeaseRepository;

/** Nobody sends by itself here; and `leases` asks through a network that breaks. */
beforeAll(async () => {
  jest.spyOn(Lanes.prototype, 'wake').mockResolvedValue();
  server = await startServer();
  rows = await EventRows.open(server);
  proxy = await openDatabaseProxy(server.database.url);
  postgres = new Postgres(proxy.url, { max: 2, onError: () => undefined });
  leases = new LeaseRepository(new DeliveryDatabase(postgres, server.running.app.get(DataSource, { strict: false })));
});

afterAll(async () => {
  await postgres.close();
  await proxy.sever();
  await rows.close();
  await server.stop();
});

it('is given back when the database answers again', async () => {
  const { client_id: clientId } = await server.createClient({ client_name: 'owner', scope: 'events:publish' });
  const id = await rows.subscription({ clientId, delivery: 'push' });
  await rows.delivery(id);
  await rows.delivery(id);
  const subscription = await server.running.app.get(SendableSubscriptions, { strict: false }).find(id);
  if (subscription === undefined) throw new Error('no subscription');
  const leased = () => rows.query('SELECT 1 FROM deliveries WHERE lease_token IS NOT NULL AND due_at > now()');

  const locker = await EventRows.open(server);
  await locker.query('BEGIN');
  await locker.query('LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE');
  const taken = leases.take(subscription, 'bulk', 10, false).catch((error: unknown) => error);
  await until(async () => {
    const waiting = await rows.query(
      `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%WITH seen AS MATERIALIZED%'
         AND datname = current_database()`,
    );
    return waiting.length > 0;
  });
  proxy.stall();
  await locker.close();
  await until(async () => (await leased()).length === 2);
  await proxy.restore();
  expect(await taken).toBeInstanceOf(Error);

  expect(await leased()).toHaveLength(2);
  await leases.releaseDoubtful();
  expect(await leased()).toHaveLength(0);
  expect((await leases.take(subscription, 'bulk', 10, false)).deliveries).toHaveLength(2);
  await leases.releaseDoubtful();
  expect(await leased()).toHaveLength(2);
});
