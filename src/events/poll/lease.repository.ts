import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { StoredEvent } from '../records/index.js';
import type { HandedOut } from './handed-out.js';

/** A delivery that may be handed out. */
export interface Candidate {
  readonly id: string;
  readonly seq: string;
  readonly lane: string;
  readonly attempt_count: number;
  /** Its last hand-out was not acknowledged in time. */
  readonly overdue: boolean;
  /** Bytes of its event. */
  readonly size: number;
  /** An earlier event of its source and subject is on its way. */
  readonly follows: boolean;
  /** An earlier event of its source and subject may turn out to be on its way. */
  readonly waits: boolean;
}

const open = `status IN ('pending', 'retrying')`;
const lanes = `ARRAY['security', 'state', 'bulk']`;

/** Of each lane those that have been due for longest; what somebody else hands out or settles at this moment is left to that. */
const due = `
  unnest(${lanes}) AS l (lane)
  CROSS JOIN LATERAL (
    SELECT d.id, d.seq, d.lane, d.event_id, d.ordering_key, d.attempt_count, d.attempt_count > d.attempts_before AS overdue
    FROM deliveries d
    WHERE d.subscription_id = $1 AND d.lane = l.lane AND d.${open} AND d.due_at <= statement_timestamp()
    ORDER BY d.due_at, d.seq LIMIT $2 FOR UPDATE SKIP LOCKED
  ) c
  JOIN events e ON e.id = c.event_id`;

const shown = `c.id, c.seq::text AS seq, c.lane, c.attempt_count, c.overdue,
  coalesce(octet_length(e.envelope), octet_length(e.data::text), 0) AS size`;

const selectAny = `SELECT ${shown}, false AS follows, false AS waits FROM ${due}`;

/** The least number of what is open beside a delivery; so written that it is one step in an index, however many there are. */
const firstOf = (delivery: string): string => `(
  SELECT o.seq FROM deliveries o WHERE o.subscription_id = $1 AND o.${open} AND o.ordering_key = ${delivery}.ordering_key
  ORDER BY o.seq LIMIT 1)`;

const selectInOrder = `
  SELECT ${shown},
    c.ordering_key IS NOT NULL AND ${firstOf('c')} < c.seq AS follows,
    c.ordering_key IS NOT NULL AND EXISTS (
      SELECT 1 FROM events u
      WHERE u.routed_at IS NULL AND u.source = e.source AND u.subject = e.subject AND (u.seq < c.seq OR u.seq IS NULL)
    ) AS waits
  FROM ${due}`;

/** The first of each ordering key, where that was put aside; those without one, too. */
const releaseHeads = `
  UPDATE deliveries d SET due_at = statement_timestamp()
  FROM (
    SELECT p.id, p.ordering_key, p.seq FROM deliveries p
    WHERE p.subscription_id = $1 AND p.lane = ANY (${lanes}) AND p.${open} AND p.due_at = 'infinity' LIMIT 1000
  ) p
  WHERE d.id = p.id AND ($2 OR p.ordering_key IS NULL OR ${firstOf('p')} = p.seq)`;

const lease = `
  WITH leased AS (
    UPDATE deliveries d SET lease_token = $2, attempt_count = d.attempt_count + 1,
      due_at = statement_timestamp() + make_interval(secs => $3),
      next_attempt_at = statement_timestamp() + make_interval(secs => $3),
      updated_at = statement_timestamp(),
      status = CASE WHEN d.attempt_count > d.attempts_before THEN 'retrying' ELSE d.status END,
      first_failed_at = CASE WHEN d.attempt_count > d.attempts_before
        THEN coalesce(d.first_failed_at, statement_timestamp()) ELSE d.first_failed_at END,
      last_error = CASE WHEN d.attempt_count > d.attempts_before THEN $4 ELSE d.last_error END
    WHERE d.id = ANY ($1::uuid[]) AND d.${open}
    RETURNING d.id, d.event_id, d.attempt_count, d.seq
  )
  SELECT d.id, d.event_id, d.attempt_count, e.envelope, e.source_id, e.source, e.type, e.subject, e.occurred_at, e.data
  FROM leased d JOIN events e ON e.id = d.event_id ORDER BY d.seq`;

interface LeasedRow {
  readonly id: string;
  readonly event_id: string;
  readonly attempt_count: number;
  readonly envelope: string | null;
  readonly source_id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string | null;
  readonly occurred_at: Date;
  readonly data: unknown;
}

/** The error of an attempt that nobody acknowledged in time. */
export const notAcknowledged = 'not_acknowledged';

/** The queries by which deliveries are handed out. */
@Injectable()
export class LeaseRepository {
  /** Deliveries that are due, locked: of each lane up to `limit`. */
  async due(tx: EntityManager, subscriptionId: string, ordered: boolean, limit: number): Promise<Candidate[]> {
    return tx.query<Candidate[]>(ordered ? selectInOrder : selectAny, [subscriptionId, limit]);
  }

  /** Puts deliveries aside until the one that they follow is over. */
  async park(tx: EntityManager, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await tx.query(`UPDATE deliveries SET due_at = 'infinity' WHERE id = ANY ($1::uuid[]) AND ${open}`, [ids]);
  }

  /**
   * Makes deliveries due that were put aside and follow none any more: nobody tells them when the subscription changes meanwhile.
   *
   * @returns whether there were some
   */
  async release(tx: EntityManager, subscriptionId: string, ordered: boolean): Promise<boolean> {
    const [, released] = await tx.query<[unknown[], number]>(releaseHeads, [subscriptionId, !ordered]);
    return released > 0;
  }

  /** Hands out the deliveries: nobody else gets them for so many seconds. In the order of their publication. */
  async lease(tx: EntityManager, ids: readonly string[], token: string, seconds: number): Promise<HandedOut[]> {
    if (ids.length === 0) return [];
    const rows = await tx.query<LeasedRow[]>(lease, [ids, token, seconds, notAcknowledged]);
    return rows.map((row) => ({
      deliveryId: row.id,
      eventId: row.event_id,
      attempt: row.attempt_count,
      event: storedEvent(row),
    }));
  }
}

function storedEvent({ envelope, source_id, source, type, subject, occurred_at, data }: LeasedRow): StoredEvent {
  return { envelope, sourceId: source_id, source, type, subject, occurredAt: occurred_at, data };
}
