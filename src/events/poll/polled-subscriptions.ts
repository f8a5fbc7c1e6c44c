import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { PolledSubscriptionNotFound } from './poll.errors.js';

/** What must be known of a subscription that is polled. */
export interface PolledSubscription {
  readonly id: string;
  readonly status: 'active' | 'paused';
  readonly ordering: 'none' | 'subject';
}

/** What an acknowledgement, or the end of a lease, adds to the counters of a subscription. */
export interface HealthChange {
  readonly succeeded: number;
  readonly dead: number;
  readonly attemptsFailed: number;
}

/** Subscriptions that are polled, as their client sees them. */
@Injectable()
export class PolledSubscriptions {
  /**
   * The subscription, if it is one of this client's that is polled. Where it has an order, nobody else hands out or settles
   * deliveries of it until the transaction ends.
   *
   * @throws PolledSubscriptionNotFound
   */
  async open(tx: EntityManager, id: string, clientId: string): Promise<PolledSubscription> {
    const [subscription] = await tx.query<PolledSubscription[]>(
      `SELECT id, status, ordering FROM subscriptions
       WHERE id = $1 AND client_id = $2 AND delivery = 'poll' AND deleted_at IS NULL`,
      [id, clientId],
    );
    if (subscription === undefined) throw new PolledSubscriptionNotFound();
    if (subscription.ordering === 'subject') await this.lockHealth(tx, id);
    return subscription;
  }

  /** Adds to the counters. */
  async count(tx: EntityManager, id: string, { succeeded, dead, attemptsFailed }: HealthChange): Promise<void> {
    if (succeeded + dead + attemptsFailed === 0) return;
    await tx.query(
      `INSERT INTO subscription_health AS h (subscription_id, succeeded, attempts_succeeded, dead, attempts_failed)
       VALUES ($1, $2::int8, $2::int8, $3::int8, $4::int8)
       ON CONFLICT (subscription_id) DO UPDATE SET succeeded = h.succeeded + $2::int8,
         attempts_succeeded = h.attempts_succeeded + $2::int8, dead = h.dead + $3::int8,
         attempts_failed = h.attempts_failed + $4::int8`,
      [id, succeeded, dead, attemptsFailed],
    );
  }

  private async lockHealth(tx: EntityManager, id: string): Promise<void> {
    await tx.query('INSERT INTO subscription_health (subscription_id) VALUES ($1) ON CONFLICT DO NOTHING', [id]);
    await tx.query('SELECT 1 FROM subscription_health WHERE subscription_id = $1 FOR UPDATE', [id]);
  }
}
