import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Postgres } from '../../database/index.js';
import type { Lane, StoredEvent } from '../records/index.js';

/** What routing looks at of every event. */
export interface ClaimedEvent {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly subject: string | null;
  readonly publisher: string | null;
  /** A `bigint` as text. */
  readonly seq: string;
  /** The one subscription that it is for, whatever the filters say. */
  readonly only_subscription_id: string | null;
  /** Roughly, in bytes, what its content takes in memory. */
  readonly bytes: number;
}

/** A whole event, for content filters. */
export interface EventContent extends StoredEvent {
  readonly id: string;
}

/** A delivery to be made. */
export interface NewDelivery {
  readonly id: string;
  readonly event: ClaimedEvent;
  readonly subscriptionId: string;
  readonly lane: Lane;
  /** SHA-256 in hex of what must stay in order; null: nothing must. */
  readonly orderingKey: string | null;
}

/** How many deliveries of a lane of a subscription are new. */
export interface MadeDeliveries {
  readonly subscription_id: string;
  readonly lane: Lane;
  readonly count: number;
}

const selectWaiting = `SELECT 1 FROM events WHERE routed_at IS NULL LIMIT 1`;

/**
 * Events from before there were numbers come before all others, in the order in which they were written. Whoever else is at work
 * has locked his: they are passed over, not waited for.
 */
const claim = `
  SELECT id, type, source, subject, publisher, only_subscription_id,
    coalesce(seq, (extract(epoch FROM created_at) * 1000000)::int8 - 8000000000000000)::text AS seq,
    (coalesce(octet_length(envelope), 0) + coalesce(pg_column_size(data), 0))::int4 AS bytes
  FROM events WHERE routed_at IS NULL
  ORDER BY created_at, id LIMIT $1 FOR UPDATE SKIP LOCKED`;

const selectContents = `
  SELECT id, envelope, source_id AS "sourceId", source, type, subject, occurred_at AS "occurredAt", data
  FROM events WHERE id = ANY ($1::uuid[])`;

/** A subscription may have been deleted since it was read. $9: the events that are routed with this. */
const write = `
  WITH routed AS (
    UPDATE events SET routed_at = statement_timestamp() WHERE id = ANY ($9::uuid[])
  ), made AS (
    INSERT INTO deliveries
      (id, event_id, subscription_id, event_type, lane, publisher, seq, ordering_key, due_at, next_attempt_at)
    SELECT d.id, d.event_id, d.subscription_id, d.event_type, d.lane, d.publisher, d.seq, decode(d.ordering_key, 'hex'),
      statement_timestamp(), statement_timestamp()
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::int8[], $8::text[])
      AS d (id, event_id, subscription_id, event_type, lane, publisher, seq, ordering_key)
    JOIN subscriptions s ON s.id = d.subscription_id AND s.deleted_at IS NULL
    ON CONFLICT (event_id, subscription_id) DO NOTHING
    RETURNING subscription_id, lane
  )
  SELECT subscription_id, lane, count(*)::int4 AS count FROM made GROUP BY subscription_id, lane`;

/** Most rows of one statement. */
const insertAtMost = 2_000;

/** The statements of the router. */
@Injectable()
export class RouterRepository {
  constructor(@Inject(Postgres) private readonly postgres: Postgres) {}

  /**
   * Whether there is an event to be routed, be it that somebody is at it.
   *
   * @throws DatabaseUnavailable
   */
  async isWaiting(): Promise<boolean> {
    const rows = await this.postgres.query({ name: 'events_waiting', text: selectWaiting, values: [] });
    return rows.length > 0;
  }

  /** Locks the oldest events that nobody else is routing, until the end of the transaction. */
  claim(tx: EntityManager, limit: number): Promise<ClaimedEvent[]> {
    return tx.query<ClaimedEvent[]>(claim, [limit]);
  }

  /** The contents of these events, in any order. */
  contents(tx: EntityManager, ids: readonly string[]): Promise<EventContent[]> {
    return tx.query<EventContent[]>(selectContents, [ids]);
  }

  /** Makes the deliveries that do not exist yet, and marks their events as routed, also those that have none. */
  async write(
    tx: EntityManager,
    events: readonly ClaimedEvent[],
    deliveries: readonly NewDelivery[],
  ): Promise<MadeDeliveries[]> {
    const made: MadeDeliveries[] = [];
    let rest = deliveries;
    do {
      const part = rest.slice(0, insertAtMost);
      rest = rest.slice(insertAtMost);
      const rows = await tx.query<MadeDeliveries[]>(write, [
        part.map(({ id }) => id),
        part.map(({ event }) => event.id),
        part.map(({ subscriptionId }) => subscriptionId),
        part.map(({ event }) => event.type),
        part.map(({ lane }) => lane),
        part.map(({ event }) => event.publisher),
        part.map(({ event }) => event.seq),
        part.map(({ orderingKey }) => orderingKey),
        rest.length === 0 ? events.map(({ id }) => id) : [],
      ]);
      made.push(...rows);
    } while (rest.length > 0);
    return made;
  }
}
