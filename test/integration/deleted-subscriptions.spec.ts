/** What was to be sent to a subscription that was deleted ends, whenever it came to be. */
import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { createDataSource, Postgres } from '../../src/database/index.js';
import { DeletedSubscriptions } from '../../src/events/subscriptions/deleted-subscriptions.js';
import { createQueueBackend, type ScheduledJob, ScheduledJobs } from '../../src/queue/index.js';
import { createMigratedDatabase } from '../support/migrated-database.js';
import type { TestDatabase } from '../support/postgres.js';

/** Keeps the job, for the test to run. */
class RegisteredJobs extends ScheduledJobs {
  readonly registered: ScheduledJob[] = [];

  override register(job: ScheduledJob): void {
    this.registered.push(job);
  }
}

let database: TestDatabase;
let dataSource: DataSource;
let postgres: Postgres;
let subscriptions: DeletedSubscriptions;
let job: ScheduledJob;

beforeEach(async () => {
  database = await createMigratedDatabase();
  dataSource = await createDataSource(database.url).initialize();
  postgres = new Postgres(database.url, { max: 2, onError: () => undefined });
  const jobs = new RegisteredJobs(createQueueBackend({ postgresUrl: database.url, prefix: '{none}' }));
  subscriptions = new DeletedSubscriptions(postgres, jobs);
  subscriptions.onModuleInit();
  job = jobs.registered[0] as ScheduledJob;
});

afterEach(async () => {
  await subscriptions.beforeApplicationShutdown();
  await postgres.close();
  await dataSource.destroy();
  await database.drop();
});

async function addSubscription(deliveries: number, deleted: boolean): Promise<string> {
  const id = randomUUID();
  await dataSource.query(
    `INSERT INTO subscriptions (id, name, url, event_types, deleted_at)
     VALUES ($1, 'x', 'https://hooks.example.com', '{*}', CASE WHEN $2 THEN now() END)`,
    [id, deleted],
  );
  await addDeliveries(id, deliveries);
  return id;
}

/** Every tenth is leased by a lane; two more are over, as they may be. */
async function addDeliveries(id: string, count: number): Promise<void> {
  await dataSource.query(
    `WITH event AS (
       INSERT INTO events (id, source, source_id, type, occurred_at, routed_at)
       SELECT gen_random_uuid(), $1, gen_random_uuid(), 'a.b', now(), now() FROM generate_series(1, $2::int4 + 2)
       RETURNING id, seq
     ), numbered AS (SELECT id, seq, row_number() OVER (ORDER BY seq) AS n FROM event)
     INSERT INTO deliveries (id, event_id, subscription_id, event_type, lane, seq, due_at, status, lease_token)
     SELECT gen_random_uuid(), id, $1::uuid, 'a.b', 'bulk', seq, now(),
       CASE n WHEN 1 THEN 'succeeded' WHEN 2 THEN 'dead' WHEN 3 THEN 'retrying' ELSE 'pending' END,
       CASE WHEN n % 10 = 0 THEN gen_random_uuid() END
     FROM numbered`,
    [id, count],
  );
}

async function statuses(id: string): Promise<Record<string, number>> {
  const rows = await dataSource.query<{ status: string; n: number }[]>(
    `SELECT status, count(*)::int4 AS n FROM deliveries WHERE subscription_id = $1 GROUP BY status`,
    [id],
  );
  return Object.fromEntries(rows.map(({ status, n }) => [status, n]));
}

const run = () => job.run(new AbortController().signal);

it('in batches, leased ones too, and nothing of the living', async () => {
  const dead = await addSubscription(2_500, true);
  const live = await addSubscription(3, false);
  await run();
  expect(await statuses(dead)).toEqual({ succeeded: 1, dead: 1, cancelled: 2_500 });
  expect(await statuses(live)).toEqual({ succeeded: 1, dead: 1, retrying: 1, pending: 2 });
  const leased = await dataSource.query<unknown[]>(
    `SELECT 1 FROM deliveries WHERE status = 'cancelled' AND (lease_token IS NOT NULL OR finished_at IS NULL)`,
  );
  expect(leased).toEqual([]);
});

it('though a router added some afterwards', async () => {
  const dead = await addSubscription(3, true);
  await run();
  await addDeliveries(dead, 3);
  await run();
  expect(await statuses(dead)).toEqual({ succeeded: 2, dead: 2, cancelled: 6 });
});
