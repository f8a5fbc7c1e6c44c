import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Caller } from '../../access/index.js';
import { Clock } from '../../clock/index.js';
import { ServerConfig } from '../../config/index.js';
import { afterCommit, inTransaction } from '../../database/index.js';
import { newUuid } from '../../identifiers/index.js';
import { OutboxSignal } from '../../outbox/index.js';
import { SigningSecrets } from './signing-secrets.js';
import { requireAuthority } from './subscription-authority.js';
import { SubscriptionJournal } from './subscription-journal.js';
import { SubscriptionRepository } from './subscription.repository.js';
import { SubscriptionNotFound } from './subscriptions.errors.js';

/** Sends test events: the same way as any other event, so that what works for one works for all. */
@Injectable()
export class TestEventsService {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SubscriptionRepository) private readonly subscriptions: SubscriptionRepository,
    @Inject(SubscriptionJournal) private readonly journal: SubscriptionJournal,
    @Inject(SigningSecrets) private readonly secrets: SigningSecrets,
    @Inject(OutboxSignal) private readonly signal: OutboxSignal,
    @Inject(ServerConfig) private readonly server: ServerConfig,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /**
   * Puts an `event.test` on the road to this subscription alone, whatever its filters say.
   *
   * @returns the identifier of the event, its `webhook-id`
   * @throws SubscriptionNotFound, SigningSecretUnreadable
   * @throws Problem 403 when the caller's token does not cover the subscription
   */
  async send(caller: Caller, id: string): Promise<string> {
    return inTransaction(this.dataSource, async (tx) => {
      const subscription = await this.subscriptions.lock(tx, id);
      if (subscription === undefined) throw new SubscriptionNotFound();
      requireAuthority(caller, subscription);
      await this.secrets.of(id);
      const now = this.clock.now();
      const eventId = newUuid(now);
      await tx.query(
        `INSERT INTO events (id, source, source_id, type, subject, data, occurred_at, only_subscription_id)
         VALUES ($1::uuid, $2, ($1::uuid)::text, 'event.test', ($3::uuid)::text, $4, to_timestamp($5 / 1000.0), $3::uuid)`,
        [eventId, this.server.issuer, id, JSON.stringify({ subscription_id: id }), now],
      );
      await this.journal.record(tx, caller, 'subscription.tested', id, { event_id: eventId });
      afterCommit(tx, () => this.signal.raise());
      return eventId;
    });
  }
}
