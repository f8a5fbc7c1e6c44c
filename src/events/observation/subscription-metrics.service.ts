import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { asDatabaseError } from '../../database/index.js';

/** The numbers of one subscription, as `/admin/events/metrics` shows them. */
export interface SubscriptionNumbers {
  readonly subscription_id: string;
  /** Deliveries that wait for their attempt, the first or another one. */
  readonly pending: number;
  /** Deliveries that are being sent, or were polled and not acknowledged yet. */
  readonly in_flight: number;
  /** Deliveries that wait until the subscription is resumed, or its breaker closes. */
  readonly held: number;
  /** Deliveries that ever succeeded. */
  readonly succeeded: number;
  /** Dead letters that wait to be replayed or deleted. */
  readonly dead: number;
  /** Whole seconds since the oldest event that is neither delivered nor dead was routed; `null`: there is none. */
  readonly oldest_pending_seconds: number | null;
  /** Share of the recent attempts that succeeded, 0 to 1; `null`: there were none. */
  readonly success_rate: number | null;
  /** How long the recent attempts took, in milliseconds: half of them at most this. */
  readonly p50_ms: number | null;
  /** 95 of 100 of them at most this. */
  readonly p95_ms: number | null;
}

/** Most deliveries, or dead letters, that are counted for each subscription. */
export const countedAtMost = 10_000;

/** Which attempts are recent: those of the last minutes, and of these the last ones. */
export const recentAttempts = { minutes: 15, most: 1_000 } as const;

/**
 * An attempt that was acknowledged by who polled it has no status. Every part reads one index, and no more of it than is counted. The rows that are due first come first, so that of a long queue
 * the oldest are among those that are looked at.
 */
const selectNumbers = `
  SELECT s.id AS subscription_id,
    CASE WHEN held.is THEN 0 ELSE greatest(0, open.count - flying.count) END AS pending,
    flying.count AS in_flight,
    CASE WHEN held.is THEN greatest(0, open.count - flying.count) ELSE 0 END AS held,
    coalesce(h.succeeded, 0)::float8 AS succeeded,
    dead.count AS dead,
    CASE WHEN open.oldest IS NOT NULL
      THEN greatest(0, floor(extract(epoch FROM statement_timestamp() - open.oldest)))::int4 END AS oldest_pending_seconds,
    recent.success_rate, recent.p50_ms, recent.p95_ms
  FROM subscriptions s
  LEFT JOIN subscription_health h ON h.subscription_id = s.id
  CROSS JOIN LATERAL (SELECT s.status = 'paused' OR coalesce(h.breaker = 'open', false) AS is) AS held
  CROSS JOIN LATERAL (
    SELECT count(*)::int4 AS count, min(created_at) AS oldest FROM (
      SELECT d.created_at FROM deliveries d
      WHERE d.subscription_id = s.id AND d.status IN ('pending', 'retrying') LIMIT $1) AS counted) AS open
  CROSS JOIN LATERAL (
    SELECT count(*)::int4 AS count FROM (
      SELECT 1 FROM deliveries d
      WHERE d.subscription_id = s.id AND d.status IN ('pending', 'retrying') AND d.lease_token IS NOT NULL
        AND d.due_at > statement_timestamp() LIMIT $1) AS counted) AS flying
  CROSS JOIN LATERAL (
    SELECT count(*)::int4 AS count FROM (
      SELECT 1 FROM dead_letters l WHERE l.subscription_id = s.id AND l.replayed_at IS NULL LIMIT $1) AS counted) AS dead
  CROSS JOIN LATERAL (
    SELECT avg((error IS NULL AND coalesce(status_code BETWEEN 200 AND 299, true))::int4)::float8 AS success_rate,
      percentile_disc(0.5) WITHIN GROUP (ORDER BY duration_ms) AS p50_ms,
      percentile_disc(0.95) WITHIN GROUP (ORDER BY duration_ms) AS p95_ms
    FROM (
      SELECT a.error, a.status_code, a.duration_ms FROM delivery_attempts a
      WHERE a.subscription_id = s.id AND a.at > statement_timestamp() - $2 * interval '1 minute'
      ORDER BY a.at DESC LIMIT $3) AS attempts) AS recent
  WHERE s.deleted_at IS NULL
  ORDER BY s.created_at DESC, s.id DESC`;

/** Reads the numbers of the subscriptions. */
@Injectable()
export class SubscriptionMetrics {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  /**
   * The numbers of every live subscription, the newest first.
   *
   * @throws DatabaseUnavailable
   */
  async read(): Promise<readonly SubscriptionNumbers[]> {
    try {
      const { minutes, most } = recentAttempts;
      return await this.dataSource.query<SubscriptionNumbers[]>(selectNumbers, [countedAtMost, minutes, most]);
    } catch (error) {
      throw asDatabaseError(error);
    }
  }
}
