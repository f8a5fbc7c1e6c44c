import { createHash, randomUUID } from 'node:crypto';
import { Client } from 'pg';
import type { TestServer } from './server.js';

/** A subscription as tests ask for it; polled and active unless they say otherwise. */
export interface SubscriptionRow {
  readonly clientId: string;
  readonly delivery?: 'push' | 'poll';
  readonly ordering?: 'none' | 'subject';
  readonly status?: 'active' | 'paused';
}

/** A delivery as tests ask for it, with an event of its own; due unless they say otherwise. */
export interface DeliveryRow {
  readonly type?: string;
  readonly subject?: string;
  /** The CloudEvent as it was stored. */
  readonly envelope?: string;
  readonly lane?: 'security' | 'state' | 'bulk';
  readonly status?: 'pending' | 'dead';
  readonly attempts?: number;
}

/** What was written for it. */
export interface WrittenDelivery {
  readonly id: string;
  readonly eventId: string;
  readonly envelope: string;
}

/** Writes and reads the rows of the event road beside a test server: for what is to be there before a test begins. */
export class EventRows {
  private readonly client: Client;

  private constructor({ database }: TestServer) {
    this.client = new Client({ connectionString: database.url });
    this.client.on('error', () => undefined);
  }

  static async open(server: TestServer): Promise<EventRows> {
    const rows = new EventRows(server);
    await rows.client.connect();
    return rows;
  }

  async close(): Promise<void> {
    await this.client.end();
  }

  async query<Row>(text: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.client.query(text, values)).rows as Row[];
  }

  /** @returns its identifier */
  async subscription({ clientId, delivery = 'poll', ordering = 'none', status = 'active' }: SubscriptionRow) {
    const id = randomUUID();
    await this.query(
      `INSERT INTO subscriptions (id, name, delivery, url, event_types, client_id, ordering, status)
       VALUES ($1, 'test', $2, $3, '{order.never}', $4, $5, $6)`,
      [id, delivery, delivery === 'push' ? 'https://receiver.example/' : null, clientId, ordering, status],
    );
    await this.query('INSERT INTO subscription_health (subscription_id) VALUES ($1)', [id]);
    await this.query('UPDATE subscription_registry SET version = version + 1');
    return id;
  }

  async delivery(subscriptionId: string, row: DeliveryRow = {}): Promise<WrittenDelivery> {
    const { type = 'order.created', subject = null, lane = 'bulk', status = 'pending', attempts = 0 } = row;
    const [id, eventId] = [randomUUID(), randomUUID()];
    const source = 'shop/orders';
    const envelope = row.envelope ?? JSON.stringify({ specversion: '1.0', id: eventId, source, type });
    await this.query(
      `INSERT INTO events (id, source, source_id, type, subject, occurred_at, envelope, publisher, routed_at)
       VALUES ($1::uuid, $2, $1::uuid::text, $3, $4, now(), $5, 'shop', now())`,
      [eventId, source, type, subject, envelope],
    );
    const key = subject === null ? null : createHash('sha256').update(`${source}\0${subject}`).digest();
    await this.query(
      `INSERT INTO deliveries (id, event_id, subscription_id, event_type, lane, publisher, seq, ordering_key, status,
         attempt_count, due_at, next_attempt_at, first_failed_at, finished_at)
       SELECT $1::uuid, e.id, s.id, e.type, $4::text, 'shop', e.seq, CASE WHEN s.ordering = 'subject' THEN $5::bytea END, $6::text, $7::int, now(),
         CASE WHEN $6::text = 'pending' THEN now() END, CASE WHEN $6::text = 'dead' THEN now() END, CASE WHEN $6::text = 'dead' THEN now() END
       FROM events e, subscriptions s WHERE e.id = $2 AND s.id = $3`,
      [id, eventId, subscriptionId, lane, key, status, attempts],
    );
    return { id, eventId, envelope };
  }

  /** A delivery that died. */
  async deadLetter(
    subscriptionId: string,
    { deadAt, ...row }: DeliveryRow & { readonly deadAt?: string } = {},
  ): Promise<WrittenDelivery & { readonly deadLetterId: string }> {
    const delivery = await this.delivery(subscriptionId, { attempts: 4, ...row, status: 'dead' });
    const deadLetterId = randomUUID();
    await this.query(
      `INSERT INTO dead_letters (id, delivery_id, event_id, event_type, subscription_id, reason, attempt_count, first_failed_at, dead_at)
       SELECT $1::uuid, id, event_id, event_type, subscription_id, 'attempts_exhausted', attempt_count, first_failed_at, coalesce($3::timestamptz, clock_timestamp())
       FROM deliveries WHERE id = $2`,
      [deadLetterId, delivery.id, deadAt ?? null],
    );
    return { ...delivery, deadLetterId };
  }
}
