import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { createDataSource, Postgres } from '../../src/database/index.js';
import { type LaneWork, LaneSignal } from '../../src/events/records/index.js';
import { EventRouter } from '../../src/events/router/event-router.js';
import { RouterRepository } from '../../src/events/router/router.repository.js';
import { RoutingMeasures } from '../../src/events/router/routing-measures.js';
import { SubscriptionDirectory } from '../../src/events/subscriptions/index.js';
import { Measurements } from '../../src/measurements/index.js';
import { createMigratedDatabase } from '../support/migrated-database.js';
import type { TestDatabase } from '../support/postgres.js';

type Row = Readonly<Record<string, unknown>>;

/** A database with the tables of the event road, and nothing that works on them. */
export class EventRoad {
  private constructor(
    readonly database: TestDatabase,
    readonly dataSource: DataSource,
    readonly postgres: Postgres,
  ) {}

  static async open(): Promise<EventRoad> {
    const database = await createMigratedDatabase();
    const dataSource = await createDataSource(database.url).initialize();
    return new EventRoad(database, dataSource, new Postgres(database.url, { max: 4, onError: () => undefined }));
  }

  async close(): Promise<void> {
    await this.postgres.close();
    await this.dataSource.destroy();
    await this.database.drop();
  }

  async clear(): Promise<void> {
    for (const table of ['dead_letters', 'delivery_attempts', 'deliveries', 'events', 'subscriptions']) {
      await this.dataSource.query(`DELETE FROM ${table}`);
    }
  }

  /** A subscription to everything unless told otherwise. */
  async subscribe(members: Row = {}): Promise<string> {
    const id = await this.insert('subscriptions', {
      id: randomUUID(),
      name: 'S',
      delivery: 'poll',
      event_types: ['*'],
      ...members,
    });
    await this.dataSource.query('INSERT INTO subscription_health (subscription_id) VALUES ($1)', [id]);
    await this.dataSource.query('UPDATE subscription_registry SET version = version + 1');
    return id;
  }

  publish(members: Row = {}): Promise<string> {
    const id = randomUUID();
    return this.insert('events', {
      id,
      source: 'shop',
      source_id: id,
      type: 'order.paid',
      occurred_at: new Date(),
      ...members,
    });
  }

  async publishMany(count: number): Promise<void> {
    await this.dataSource.query(
      `INSERT INTO events (id, source, source_id, type, occurred_at)
       SELECT gen_random_uuid(), 'shop', gen_random_uuid(), 'order.paid', now() FROM generate_series(1, $1)`,
      [count],
    );
  }

  /** A delivery as somebody has left it. */
  deliver(eventId: string, subscriptionId: string, members: Row = {}): Promise<string> {
    return this.insert('deliveries', {
      id: randomUUID(),
      event_id: eventId,
      subscription_id: subscriptionId,
      event_type: 'order.paid',
      lane: 'bulk',
      seq: 1,
      due_at: new Date(),
      ...members,
    });
  }

  async insert(table: string, row: Row & { readonly id: string }): Promise<string> {
    const columns = Object.keys(row);
    const places = columns.map((_, index) => `$${index + 1}`);
    await this.dataSource.query(
      `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${places.join(', ')})`,
      Object.values(row),
    );
    return row.id;
  }

  /** @param query from `FROM` on */
  async count(query: string, values: unknown[] = []): Promise<number> {
    const [row] = await this.dataSource.query<{ count: number }[]>(`SELECT count(*)::int AS count ${query}`, values);
    return row?.count ?? -1;
  }

  /** A router as a process of its own has it, with what it hints at. */
  newRouter(dataSource = this.dataSource, postgres = this.postgres): { router: EventRouter; work: LaneWork[] } {
    const work: LaneWork[] = [];
    const lanes = new LaneSignal();
    lanes.onRaised((one) => work.push(one));
    const router = new EventRouter(
      dataSource,
      { now: () => Date.now() },
      new RouterRepository(postgres),
      new SubscriptionDirectory(),
      lanes,
      new RoutingMeasures(new Measurements()),
    );
    return { router, work };
  }
}

/** Days ago. */
export function daysAgo(days: number): Date {
  return new Date(Date.now() - days * 86_400_000);
}
