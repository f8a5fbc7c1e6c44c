import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { asDatabaseError, type CursorPosition } from '../../database/index.js';
import type { DeliveryFilter, ShownStatus } from './delivery-filter.js';

/** A delivery as it is read. */
export interface FoundDelivery {
  readonly id: string;
  readonly event_id: string;
  readonly event_type: string;
  readonly subscription_id: string;
  readonly status: ShownStatus;
  readonly attempt_count: number;
  readonly next_attempt_at: Date | null;
  readonly created_at: Date;
  readonly updated_at: Date;
  /** `created_at` with all its digits: the place in the list. */
  readonly place: string;
}

/** One try to deliver. */
export interface FoundAttempt {
  readonly at: Date;
  readonly status_code: number | null;
  readonly error: string | null;
  readonly duration_ms: number;
  readonly response_excerpt: string | null;
}

const isOpen = `d.status IN ('pending', 'retrying')`;

/** The statement that reads this joins `subscriptions s` and `subscription_health h`. */
const isHeld = `(s.status = 'paused' OR coalesce(h.breaker = 'open', false))`;

/** Literals all: the planner sees which partial index serves. */
const statusConditions: Readonly<Record<ShownStatus, string>> = {
  pending: `d.status = 'pending' AND NOT ${isHeld}`,
  retrying: `d.status = 'retrying' AND NOT ${isHeld}`,
  held: `${isOpen} AND ${isHeld}`,
  succeeded: `d.status = 'succeeded'`,
  dead: `d.status = 'dead'`,
  cancelled: `d.status = 'cancelled'`,
};

const select = `
  SELECT d.id, d.event_id, d.event_type, d.subscription_id, d.attempt_count, d.created_at, d.updated_at,
    CASE WHEN ${isOpen} AND ${isHeld} THEN 'held' ELSE d.status END AS status,
    CASE WHEN ${isOpen} THEN d.next_attempt_at END AS next_attempt_at,
    to_char(d.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS place
  FROM deliveries d
  JOIN subscriptions s ON s.id = d.subscription_id
  LEFT JOIN subscription_health h ON h.subscription_id = d.subscription_id`;

/** The time of the delivery leaves out the partitions from before it. */
const selectAttempts = `
  SELECT at, status_code, error, duration_ms, response_excerpt FROM delivery_attempts
  WHERE delivery_id = $1 AND at >= $2 ORDER BY at DESC, id DESC LIMIT $3`;

/** Reads deliveries and their attempts. */
@Injectable()
export class DeliveryRepository {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  /**
   * Newest first.
   *
   * @param limit most deliveries that are given
   * @param after the delivery that the page follows
   * @throws DatabaseUnavailable
   */
  page(
    { subscriptionId, eventId, status }: DeliveryFilter,
    limit: number,
    after?: CursorPosition,
  ): Promise<FoundDelivery[]> {
    const values: unknown[] = [];
    const value = (one: unknown): string => `$${values.push(one)}`;
    const conditions = ['true'];
    if (subscriptionId !== undefined) conditions.push(`d.subscription_id = ${value(subscriptionId)}::uuid`);
    if (eventId !== undefined) conditions.push(`d.event_id = ${value(eventId)}::uuid`);
    if (status !== undefined) conditions.push(statusConditions[status]);
    if (after !== undefined) {
      conditions.push(`(d.created_at, d.id) < (${value(after.at)}::timestamptz, ${value(after.id)}::uuid)`);
    }
    return this.read(
      `${select} WHERE ${conditions.join(' AND ')} ORDER BY d.created_at DESC, d.id DESC LIMIT ${value(limit)}`,
      values,
    );
  }

  /** @throws DatabaseUnavailable */
  async find(id: string): Promise<FoundDelivery | undefined> {
    const [found] = await this.read<FoundDelivery>(`${select} WHERE d.id = $1`, [id]);
    return found;
  }

  /**
   * The last attempts of a delivery, the first of them first.
   *
   * @throws DatabaseUnavailable
   */
  async attempts({ id, place }: FoundDelivery, limit: number): Promise<FoundAttempt[]> {
    return (await this.read<FoundAttempt>(selectAttempts, [id, place, limit])).toReversed();
  }

  private async read<Row>(text: string, values: unknown[]): Promise<Row[]> {
    try {
      return await this.dataSource.query<Row[]>(text, values);
    } catch (error) {
      throw asDatabaseError(error);
    }
  }
}
