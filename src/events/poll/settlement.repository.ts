import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { newUuid } from '../../identifiers/index.js';
import type { Lane } from '../records/index.js';

/** A delivery that was handed out and is not over. */
export interface OpenDelivery {
  readonly id: string;
  readonly event_id: string;
  readonly event_type: string;
  readonly attempt_count: number;
  readonly ordering_key: Buffer | null;
}

/** A delivery that was refused for good. */
export interface RefusedDelivery extends OpenDelivery {
  /** Names the dead letter. */
  readonly deadLetterId: string;
}

/** Why such a delivery is dead. */
export const rejected = 'rejected';

const open = `status IN ('pending', 'retrying')`;

/** In one order, so that two requests that name the same ones do not wait for each other. */
const selectOpen = `
  SELECT d.id, d.event_id, d.event_type, d.attempt_count, d.ordering_key FROM deliveries d
  WHERE d.id IN (
    SELECT id FROM deliveries WHERE id = ANY ($2::uuid[]) AND subscription_id = $1
    UNION
    SELECT id FROM deliveries WHERE event_id = ANY ($2::uuid[]) AND subscription_id = $1
  ) AND d.${open} AND d.attempt_count > 0
  ORDER BY d.id FOR UPDATE`;

const over = `lease_token = NULL, next_attempt_at = NULL, finished_at = statement_timestamp(), updated_at = statement_timestamp()`;

/** It has waited since it was made: what came with it, or later, is not looked at before it. */
const promoteNext = `
  WITH heads AS (
    SELECT h.id FROM unnest($2::bytea[]) AS k (ordering_key)
    CROSS JOIN LATERAL (
      SELECT d.id FROM deliveries d
      WHERE d.subscription_id = $1 AND d.ordering_key = k.ordering_key AND d.${open} ORDER BY d.seq LIMIT 1
    ) h
  ), promoted AS (
    UPDATE deliveries d SET due_at = d.created_at - interval '1 minute' FROM heads WHERE d.id = heads.id AND d.due_at = 'infinity'
    RETURNING d.lane
  )
  SELECT DISTINCT lane FROM promoted`;

/** The queries by which deliveries that were handed out are settled. */
@Injectable()
export class SettlementRepository {
  /** Those of the named deliveries, or deliveries of the named events, that were handed out and are not over; locked. */
  async lockOpen(tx: EntityManager, subscriptionId: string, named: readonly string[]): Promise<OpenDelivery[]> {
    return tx.query<OpenDelivery[]>(selectOpen, [subscriptionId, named]);
  }

  async succeed(tx: EntityManager, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await tx.query(
      `UPDATE deliveries SET status = 'succeeded', last_error = NULL, ${over} WHERE id = ANY ($1::uuid[])`,
      [ids],
    );
  }

  /** Makes dead letters of the deliveries. */
  async reject(
    tx: EntityManager,
    now: number,
    subscriptionId: string,
    deliveries: readonly OpenDelivery[],
  ): Promise<RefusedDelivery[]> {
    if (deliveries.length === 0) return [];
    const refused = deliveries.map((delivery) => ({ ...delivery, deadLetterId: newUuid(now) }));
    const ids = refused.map(({ id }) => id);
    await tx.query(
      `UPDATE deliveries SET status = 'dead', last_error = $2, ${over},
         first_failed_at = coalesce(first_failed_at, statement_timestamp())
       WHERE id = ANY ($1::uuid[])`,
      [ids, rejected],
    );
    await tx.query(
      `INSERT INTO dead_letters (id, delivery_id, event_id, event_type, subscription_id, reason, attempt_count, first_failed_at)
       SELECT l.id, d.id, d.event_id, d.event_type, d.subscription_id, $4, d.attempt_count, d.first_failed_at
       FROM unnest($1::uuid[], $2::uuid[]) AS l (id, delivery_id)
       JOIN deliveries d ON d.id = l.delivery_id AND d.subscription_id = $3`,
      [refused.map(({ deadLetterId }) => deadLetterId), ids, subscriptionId, rejected],
    );
    return refused;
  }

  /**
   * Makes the deliveries due that have followed one that is over now.
   *
   * @param keys the ordering keys of those that are over
   * @returns the lanes of those that have become due
   */
  async promote(tx: EntityManager, subscriptionId: string, keys: readonly Buffer[]): Promise<Lane[]> {
    if (keys.length === 0) return [];
    const rows = await tx.query<{ lane: Lane }[]>(promoteNext, [subscriptionId, keys]);
    return rows.map(({ lane }) => lane);
  }
}
