import { Inject, Injectable } from '@nestjs/common';
import { DeliveryDatabase } from './delivery-database.js';

/** Most deliveries of a lane that are let go together. */
const together = 1_000;

/** Most subscriptions that are looked after in one sweep. */
const sweptAtMost = 100;

/**
 * $1 subscription. Due now is what waits for an attempt since before the breaker closed: nobody holds it, and it is not parked. What
 * has failed since then keeps its schedule. Once nothing is left the subscription is not marked any more. While somebody else has
 * locked its health nothing is done: nobody waits here.
 */
const letGoStatement = `
  WITH health AS MATERIALIZED (
    SELECT subscription_id, probe_at AS closed_at FROM subscription_health
    WHERE subscription_id = $1::uuid AND breaker = 'closed' AND probe_at IS NOT NULL FOR UPDATE SKIP LOCKED
  ), held AS MATERIALIZED (
    SELECT first.id FROM health CROSS JOIN (VALUES ('security'), ('state'), ('bulk')) AS l (lane) CROSS JOIN LATERAL (
      SELECT d.id FROM deliveries d
      WHERE d.subscription_id = $1::uuid AND d.lane = l.lane AND d.status IN ('pending', 'retrying')
        AND d.due_at > statement_timestamp() AND d.due_at < 'infinity' AND d.lease_token IS NULL
        AND d.updated_at <= health.closed_at
      ORDER BY d.due_at LIMIT ${together} FOR UPDATE SKIP LOCKED
    ) AS first
  ), let_go AS (
    UPDATE deliveries d SET due_at = statement_timestamp(), next_attempt_at = statement_timestamp()
    WHERE d.id = ANY (ARRAY(SELECT id FROM held))
  )
  UPDATE subscription_health h SET probe_at = NULL FROM health
  WHERE h.subscription_id = health.subscription_id AND (SELECT count(*) FROM held) < ${together}`;

/** $1 most subscriptions. */
const selectMarked = `
  SELECT subscription_id AS id FROM subscription_health WHERE breaker = 'closed' AND probe_at IS NOT NULL
  ORDER BY probe_at LIMIT $1::int4`;

/**
 * What an open breaker has held back beyond its own schedule. A breaker that closes marks its subscription, by a `probe_at` that
 * says when; whoever lets go what it held takes as much as is good at once, until the mark is gone.
 */
@Injectable()
export class HeldDeliveries {
  constructor(@Inject(DeliveryDatabase) private readonly database: DeliveryDatabase) {}

  /**
   * Lets go what the breaker of a subscription has held; nothing, unless it has closed.
   *
   * @throws DatabaseUnavailable
   */
  async letGo(subscriptionId: string): Promise<void> {
    await this.database.query({ name: 'let_go_held', text: letGoStatement, values: [subscriptionId] });
  }

  /**
   * The same for every subscription where something was left.
   *
   * @throws DatabaseUnavailable
   */
  async letAllGo(): Promise<void> {
    const marked = await this.database.query<{ id: string }>({
      name: 'closed_breakers',
      text: selectMarked,
      values: [sweptAtMost],
    });
    for (const { id } of marked) await this.letGo(id);
  }
}
