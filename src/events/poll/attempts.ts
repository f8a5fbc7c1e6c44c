import type { EntityManager } from 'typeorm';
import { newUuid } from '../../identifiers/index.js';

/** A hand-out that is over: acknowledged, refused, or neither until it was too late. */
export interface PastAttempt {
  readonly deliveryId: string;
  readonly attempt: number;
  /** `null`: it was acknowledged. */
  readonly error: string | null;
}

/** Longest that a hand-out counts as under way, in seconds; how long it was over is not told. */
const longest = 3600;

/**
 * Records hand-outs that are over, of deliveries that still say when they were handed out (`updated_at`). To be called before
 * they are written.
 */
export async function recordAttempts(
  tx: EntityManager,
  now: number,
  subscriptionId: string,
  attempts: readonly PastAttempt[],
): Promise<void> {
  if (attempts.length === 0) return;
  await tx.query(
    `INSERT INTO delivery_attempts (id, at, delivery_id, subscription_id, attempt, error, duration_ms)
     SELECT a.id, statement_timestamp() - u.under_way, d.id, d.subscription_id, a.attempt, a.error,
       (extract(epoch FROM u.under_way) * 1000)::int4
     FROM unnest($1::uuid[], $2::uuid[], $3::int4[], $4::text[]) AS a (id, delivery_id, attempt, error)
     JOIN deliveries d ON d.id = a.delivery_id AND d.subscription_id = $5
     CROSS JOIN LATERAL (
       SELECT least(greatest(statement_timestamp() - d.updated_at, interval '0'), make_interval(secs => $6)) AS under_way
     ) u`,
    [
      attempts.map(() => newUuid(now)),
      attempts.map(({ deliveryId }) => deliveryId),
      attempts.map(({ attempt }) => attempt),
      attempts.map(({ error }) => error),
      subscriptionId,
      longest,
    ],
  );
}
