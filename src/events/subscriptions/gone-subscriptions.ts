import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Audit } from '../../audit/index.js';
import { SubscriptionRepository } from './subscription.repository.js';

/** Pauses subscriptions whose endpoint says that it is gone (410). */
@Injectable()
export class GoneSubscriptions {
  constructor(
    @Inject(SubscriptionRepository) private readonly subscriptions: SubscriptionRepository,
    @Inject(Audit) private readonly audit: Audit,
  ) {}

  /**
   * Pauses a subscription, in the transaction that records the 410; the server itself is the actor.
   *
   * @param tx begun by `inTransaction`; it locks `subscription_health` of the subscription, and then the subscription
   * @param version of the subscription as the sender read it: one that was changed since is left alone
   * @returns whether it was paused by this
   */
  async pauseGone(tx: EntityManager, id: string, version: string): Promise<boolean> {
    const paused = await this.subscriptions.pauseGone(tx, id, version);
    if (paused) {
      const details = { reason: 'gone' };
      await this.audit.record(tx, { action: 'subscription.paused', targetType: 'subscription', targetId: id, details });
    }
    return paused;
  }
}
