import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Clock } from '../../clock/index.js';
import { afterCommit, inTransaction } from '../../database/index.js';
import { Outbox } from '../../outbox/index.js';
import { LaneSignal } from '../records/index.js';
import type { Acknowledgement } from './ack.dto.js';
import { recordAttempts } from './attempts.js';
import { PolledSubscriptions } from './polled-subscriptions.js';
import { type OpenDelivery, type RefusedDelivery, rejected, SettlementRepository } from './settlement.repository.js';

/** What an acknowledgement answers. */
export interface AckAnswer {
  /** Deliveries that are over by this request. */
  readonly acknowledged: number;
  /** Deliveries that became dead letters by this request. */
  readonly rejected: number;
}

/** Settles what was handed out. */
@Injectable()
export class Acknowledgements {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(PolledSubscriptions) private readonly subscriptions: PolledSubscriptions,
    @Inject(SettlementRepository) private readonly deliveries: SettlementRepository,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(LaneSignal) private readonly lanes: LaneSignal,
  ) {}

  /**
   * Ends deliveries: as received, or as dead letters. An identifier that names nothing of this subscription that was handed out
   * and is not over is passed over, so that a repeated request succeeds; one whose lease has ended still counts.
   *
   * @throws PolledSubscriptionNotFound, DatabaseUnavailable
   */
  async settle(clientId: string, { subscriptionId, acks, nacks }: Acknowledgement): Promise<AckAnswer> {
    return inTransaction(this.dataSource, async (tx) => {
      const { ordering } = await this.subscriptions.open(tx, subscriptionId, clientId);
      const open = await this.deliveries.lockOpen(tx, subscriptionId, [...acks, ...nacks]);
      // Named both ways, by its own identifier and its event's: then it was received.
      const isAcked = ({ id, event_id }: OpenDelivery) => acks.has(id) || acks.has(event_id);
      const acked = open.filter(isAcked);
      const nacked = open.filter((delivery) => !isAcked(delivery));
      await recordAttempts(tx, this.clock.now(), subscriptionId, open.map(attemptOf(isAcked)));
      await this.deliveries.succeed(
        tx,
        acked.map(({ id }) => id),
      );
      const refused = await this.deliveries.reject(tx, this.clock.now(), subscriptionId, nacked);
      await this.tell(tx, subscriptionId, refused);
      if (ordering === 'subject') await this.promote(tx, subscriptionId, open);
      const [succeeded, dead] = [acked.length, refused.length];
      await this.subscriptions.count(tx, subscriptionId, { succeeded, dead, attemptsFailed: dead });
      return { acknowledged: succeeded, rejected: dead };
    });
  }

  /** The death of an event that tells of a death is not told. */
  private async tell(tx: EntityManager, subscriptionId: string, refused: readonly RefusedDelivery[]): Promise<void> {
    const type = 'event.dead_lettered';
    const told = refused.filter(({ event_type }) => event_type !== type);
    await this.outbox.appendAll(
      tx,
      told.map(({ deadLetterId, id, event_id, event_type }) => ({
        type,
        subject: deadLetterId,
        data: {
          id: deadLetterId,
          delivery_id: id,
          event_id,
          event_type,
          subscription_id: subscriptionId,
          reason: rejected,
        },
      })),
    );
  }

  private async promote(tx: EntityManager, subscriptionId: string, over: readonly OpenDelivery[]): Promise<void> {
    const keys = over.flatMap(({ ordering_key }) => (ordering_key === null ? [] : [ordering_key]));
    const lanes = await this.deliveries.promote(tx, subscriptionId, keys);
    afterCommit(tx, () => {
      for (const lane of lanes) this.lanes.raise({ subscriptionId, lane });
    });
  }
}

function attemptOf(isAcked: (delivery: OpenDelivery) => boolean) {
  return (delivery: OpenDelivery) => ({
    deliveryId: delivery.id,
    attempt: delivery.attempt_count,
    error: isAcked(delivery) ? null : rejected,
  });
}
