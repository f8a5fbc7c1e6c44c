import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Clock } from '../../clock/index.js';
import { afterCommit } from '../../database/index.js';
import { newUuid } from '../../identifiers/index.js';
import { Outbox } from '../../outbox/index.js';
import { type Lane, lanes, LaneSignal } from '../records/index.js';
import { GoneSubscriptions, type SendableSubscription } from '../subscriptions/index.js';
import type { FinishedAttempt, NextState } from './attempt.js';
import { DeliveryDatabase } from './delivery-database.js';
import { DeliveryFaults } from './delivery-faults.js';
import { HeldDeliveries } from './held-deliveries.repository.js';
import { goneStatus, nextState } from './next-state.js';
import { lockHealthStatement, promoteStatement, recordStatement } from './record.statements.js';

/** An attempt that was written down, and whether a closed breaker has yet to let go what it held. */
interface Written {
  readonly place: number;
  readonly flows: boolean;
}

interface Recorded extends FinishedAttempt {
  readonly next: NextState;
  readonly attemptId: string;
  readonly letterId: string;
}

/** The death of an event of this type is not told, lest each death cause another. */
const deathType = 'event.dead_lettered';

/**
 * Records what came of attempts: the attempt, the new state of its delivery, the health of the subscription, and what follows –
 * a dead letter and the event that tells of it, a pause, the next delivery of a subject. All of it or nothing, and nothing for a
 * lease that has ended and was given to another.
 */
@Injectable()
export class AttemptRecorder {
  constructor(
    @Inject(DeliveryDatabase) private readonly database: DeliveryDatabase,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(GoneSubscriptions) private readonly gone: GoneSubscriptions,
    @Inject(LaneSignal) private readonly signal: LaneSignal,
    @Inject(HeldDeliveries) private readonly held: HeldDeliveries,
    @Inject(DeliveryFaults) private readonly faults: DeliveryFaults,
  ) {}

  /**
   * @param finished attempts of one subscription, in the order in which they ended
   * @throws DatabaseUnavailable; the same attempts may be recorded again then
   */
  async record(subscription: SendableSubscription, finished: readonly FinishedAttempt[]): Promise<void> {
    const now = this.clock.now();
    const recorded = finished.map((attempt) => ({
      ...attempt,
      next: nextState(attempt, subscription.retryBackoffSeconds, Math.random()),
      attemptId: newUuid(now),
      letterId: newUuid(now),
    }));
    const alone =
      subscription.ordering === 'none' &&
      recorded.every(({ next, result }) => next.status !== 'dead' && result.statusCode !== goneStatus);
    const values = columnsOf(subscription.id, recorded);
    const rows = alone
      ? await this.database.query<Written & Record<string, unknown>>({
          name: 'record_attempts',
          text: recordStatement,
          values,
        })
      : await this.recordWithConsequences(subscription, recorded);
    if (rows.some(({ flows }) => flows)) await this.letFlow(subscription.id);
  }

  /** The breaker has closed: what it held flows, in the other lanes, too. */
  private async letFlow(subscriptionId: string): Promise<void> {
    try {
      await this.held.letGo(subscriptionId);
    } catch (error) {
      // The attempts are recorded; the sweeper goes on with this.
      this.faults.report('what breakers held could not be let go', error);
    }
    for (const lane of lanes) this.signal.raise({ subscriptionId, lane });
  }

  private recordWithConsequences(
    subscription: SendableSubscription,
    recorded: readonly Recorded[],
  ): Promise<Written[]> {
    const { id } = subscription;
    return this.database.transaction(async (tx) => {
      await tx.query(lockHealthStatement, [id]);
      const rows = await tx.query<Written[]>(recordStatement, columnsOf(id, recorded));
      const places = new Set(rows.map(({ place }) => place));
      const written = recorded.filter((_, index) => places.has(index + 1));
      await this.tellOfDeaths(tx, id, written);
      if (written.some(({ result }) => result.statusCode === goneStatus)) {
        await this.gone.pauseGone(tx, id, subscription.version);
      }
      if (subscription.ordering === 'subject') await this.promote(tx, id, written);
      return rows;
    });
  }

  private async tellOfDeaths(tx: EntityManager, subscriptionId: string, written: readonly Recorded[]): Promise<void> {
    const dead = written.filter(({ next, delivery }) => next.status === 'dead' && delivery.eventType !== deathType);
    await this.outbox.appendAll(
      tx,
      dead.map(({ delivery, letterId }) => ({
        type: deathType,
        subject: letterId,
        data: {
          id: letterId,
          delivery_id: delivery.id,
          event_id: delivery.eventId,
          event_type: delivery.eventType,
          subscription_id: subscriptionId,
          reason: 'attempts_exhausted',
        },
      })),
    );
  }

  private async promote(tx: EntityManager, subscriptionId: string, written: readonly Recorded[]): Promise<void> {
    const ended = written.filter(({ next }) => next.delayMs === null).map(({ delivery }) => delivery.id);
    if (ended.length === 0) return;
    const [rows] = await tx.query<[{ lane: Lane }[], number]>(promoteStatement, [subscriptionId, ended]);
    const promoted = new Set(rows.map(({ lane }) => lane));
    for (const lane of promoted) afterCommit(tx, () => this.signal.raise({ subscriptionId, lane }));
  }
}

/** The parameters of `recordStatement`. */
function columnsOf(subscriptionId: string, recorded: readonly Recorded[]): unknown[] {
  const now = performance.now();
  return [
    subscriptionId,
    recorded.map(({ delivery }) => delivery.id),
    recorded.map(({ delivery }) => delivery.leaseToken),
    recorded.map(({ attemptId }) => attemptId),
    recorded.map(({ letterId }) => letterId),
    recorded.map(({ result }) => result.succeeded),
    recorded.map(({ delivery }) => delivery.probe),
    recorded.map(({ next }) => next.status),
    recorded.map(({ next }) => next.delayMs),
    recorded.map(({ next }) => next.counted),
    recorded.map(({ next }) => next.spared),
    recorded.map(({ result }) => result.statusCode),
    recorded.map(({ result }) => result.error),
    recorded.map(({ result }) => result.excerpt),
    recorded.map(({ delivery }) => delivery.attemptCount + 1),
    recorded.map(({ result }) => Math.round(result.durationMs)),
    recorded.map(({ result }) => Math.round(now - result.beganAt)),
    recorded.map(({ result }) => result.retryAfter ?? null),
  ];
}
