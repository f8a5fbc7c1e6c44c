import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Clock } from '../../clock/index.js';
import { inTransaction } from '../../database/index.js';
import { recordAttempts } from './attempts.js';
import { nothing, type PolledEvents } from './handed-out.js';
import { type Candidate, LeaseRepository, notAcknowledged } from './lease.repository.js';
import type { PollQuery } from './poll-query.js';
import { type PolledSubscription, PolledSubscriptions } from './polled-subscriptions.js';

/** Bytes of events after which an answer is full; a single event is handed out whatever its size. */
const answerBytes = 4 * 1024 * 1024;

/** Deliveries of a lane that are looked at in one step, where there is an order. */
const orderedStep = 200;

/** Most steps of one poll: each puts aside what follows something else, and so comes to what does not. */
const orderedSteps = 5;

/** The most urgent first. */
const laneOrder = ['security', 'state', 'bulk'];

/** What a look has found. */
interface Sight {
  readonly candidates: readonly Candidate[];
  /** There is more to be looked at. */
  readonly more: boolean;
}

class NobodyListens extends Error {}

/** Hands out what is due to the client of a polled subscription. */
@Injectable()
export class HandOut {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(PolledSubscriptions) private readonly subscriptions: PolledSubscriptions,
    @Inject(LeaseRepository) private readonly deliveries: LeaseRepository,
  ) {}

  /**
   * Leases deliveries that are due, for `visibilitySeconds`. In a full answer urgent lanes come first, and events that were
   * published earlier.
   *
   * @param signal aborted when nobody waits for the answer any more: then nothing is leased
   * @throws PolledSubscriptionNotFound, DatabaseUnavailable
   */
  async take(clientId: string, query: PollQuery, signal: AbortSignal): Promise<PolledEvents> {
    try {
      return await inTransaction(this.dataSource, async (tx) => {
        const subscription = await this.subscriptions.open(tx, query.subscriptionId, clientId);
        if (subscription.status === 'paused') return nothing;
        const { candidates, more } = await this.look(tx, subscription, query.maxEvents);
        const chosen = choose(candidates, query.maxEvents);
        if (signal.aborted) return nothing;
        await this.recordOverdue(tx, subscription.id, chosen);
        const ids = chosen.map(({ id }) => id);
        const items = await this.deliveries.lease(tx, ids, randomUUID(), query.visibilitySeconds);
        if (signal.aborted) throw new NobodyListens();
        return { items, moreAvailable: more || candidates.length > chosen.length };
      });
    } catch (error) {
      if (error instanceof NobodyListens) return nothing;
      throw error;
    }
  }

  /** What may be handed out. */
  private async look(tx: EntityManager, { id, ordering }: PolledSubscription, wanted: number): Promise<Sight> {
    const look = () => (ordering === 'subject' ? this.heads(tx, id) : this.any(tx, id, wanted));
    const sight = await look();
    if (sight.candidates.length > 0 || sight.more) return sight;
    return (await this.deliveries.release(tx, id, ordering === 'subject')) ? look() : sight;
  }

  private async any(tx: EntityManager, subscriptionId: string, wanted: number): Promise<Sight> {
    return { candidates: await this.deliveries.due(tx, subscriptionId, false, wanted + 1), more: false };
  }

  /** Of each source and subject the first. Those that follow it are put aside until it is over. */
  private async heads(tx: EntityManager, subscriptionId: string): Promise<Sight> {
    for (let step = 1; ; step += 1) {
      const due = await this.deliveries.due(tx, subscriptionId, true, orderedStep);
      const following = due.filter(({ follows }) => follows).map(({ id }) => id);
      await this.deliveries.park(tx, following);
      const candidates = due.filter(({ follows, waits }) => !follows && !waits);
      const more = following.length > 0 && due.length >= orderedStep;
      if (candidates.length > 0 || !more || step >= orderedSteps) return { candidates, more };
    }
  }

  /** Hand-outs of before that were not acknowledged in time are failed attempts. */
  private async recordOverdue(tx: EntityManager, subscriptionId: string, chosen: readonly Candidate[]): Promise<void> {
    const overdue = chosen.filter((each) => each.overdue);
    const attempts = overdue.map(({ id, attempt_count: attempt }) => ({
      deliveryId: id,
      attempt,
      error: notAcknowledged,
    }));
    await recordAttempts(tx, this.clock.now(), subscriptionId, attempts);
    await this.subscriptions.count(tx, subscriptionId, { succeeded: 0, dead: 0, attemptsFailed: overdue.length });
  }
}

/** As many as are wanted and fit. */
function choose(candidates: readonly Candidate[], wanted: number): Candidate[] {
  const rank = ({ lane }: Candidate): number => laneOrder.indexOf(lane);
  const sorted = candidates.toSorted((a, b) => rank(a) - rank(b) || Number(BigInt(a.seq) - BigInt(b.seq)));
  const chosen: Candidate[] = [];
  let bytes = 0;
  for (const candidate of sorted.slice(0, wanted)) {
    bytes += candidate.size;
    if (chosen.length > 0 && bytes > answerBytes) break;
    chosen.push(candidate);
  }
  return chosen;
}
