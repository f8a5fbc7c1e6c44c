import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Clock } from '../../clock/index.js';
import { afterCommit, inTransaction } from '../../database/index.js';
import { newUuid } from '../../identifiers/index.js';
import type { MatchableEvent } from '../../protocol/index.js';
import { type Lane, LaneSignal } from '../records/index.js';
import { matchableEvent, type RoutableSubscription, SubscriptionDirectory } from '../subscriptions/index.js';
import { askedForContent, planDeliveries, readableParts } from './delivery-plan.js';
import { type ClaimedEvent, type NewDelivery, RouterRepository } from './router.repository.js';
import { type RoutedBatch, RoutingMeasures } from './routing-measures.js';

/** Most events of one transaction. */
const batch = 200;

/** Deliveries that a transaction may make before it is cut shorter; with very many subscriptions a batch has fewer events. */
const deliveriesAtMost = 20_000;

/** Longest that a batch may take, in milliseconds, before the database counts as away. */
const withinMs = 15_000;

/**
 * Makes the deliveries of events that were committed. Any number of processes may do so at once: each event is locked by one of
 * them, and is marked in the transaction that makes its deliveries. A crash leaves an event as it was, or wholly routed.
 */
@Injectable()
export class EventRouter {
  private subscriptions = 0;

  /** Halved when a batch fails – it may have been too big for this moment – and doubled when one succeeds. */
  private most = batch;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(RouterRepository) private readonly repository: RouterRepository,
    @Inject(SubscriptionDirectory) private readonly directory: SubscriptionDirectory,
    @Inject(LaneSignal) private readonly lanes: LaneSignal,
    @Inject(RoutingMeasures) private readonly measures: RoutingMeasures,
  ) {}

  /**
   * Whether it is worth while to route. Far cheaper than to try.
   *
   * @throws DatabaseUnavailable
   */
  isWaiting(): Promise<boolean> {
    return this.repository.isWaiting();
  }

  /**
   * Routes the oldest events that wait, a batch at most.
   *
   * @returns whether more of them may be waiting
   * @throws DatabaseUnavailable; then nothing was routed, or it was and is not known
   */
  async route(): Promise<boolean> {
    const limit = Math.max(1, Math.min(this.most, Math.floor(deliveriesAtMost / Math.max(1, this.subscriptions))));
    const begin = performance.now();
    this.most = Math.max(1, Math.floor(limit / 2));
    const routed = await inTransaction(this.dataSource, (tx) => this.routeBatch(tx, limit), { withinMs });
    this.most = Math.min(batch, limit * 2);
    if (routed.events > 0) this.measures.routed(routed, performance.now() - begin);
    return routed.events === limit;
  }

  private async routeBatch(tx: EntityManager, limit: number): Promise<RoutedBatch> {
    const deliveries = new Map<Lane, number>();
    const events = await this.repository.claim(tx, limit);
    if (events.length === 0) return { events: 0, deliveries };
    // Read after the claim: of no event that was claimed a subscription is missing that was there before it.
    const subscriptions = await this.directory.current(tx);
    this.subscriptions = subscriptions.length;
    const made = await this.repository.write(tx, events, await this.plan(tx, events, subscriptions));
    for (const { lane, count } of made) deliveries.set(lane, (deliveries.get(lane) ?? 0) + count);
    afterCommit(tx, () => {
      for (const { subscription_id: subscriptionId, lane } of made) this.lanes.raise({ subscriptionId, lane });
    });
    return { events: events.length, deliveries };
  }

  private async plan(
    tx: EntityManager,
    events: readonly ClaimedEvent[],
    subscriptions: readonly RoutableSubscription[],
  ): Promise<NewDelivery[]> {
    const now = this.clock.now();
    const planned: Omit<NewDelivery, 'id'>[] = [];
    for (const part of readableParts(events)) {
      const contents = await this.contents(tx, askedForContent(part, subscriptions));
      planned.push(...planDeliveries(part, subscriptions, ({ id }) => contents.get(id)));
    }
    // In the order of the events: identifiers of one millisecond sort by chance.
    const ids = planned.map(() => newUuid(now)).toSorted();
    return planned.map((delivery, index) => ({ ...delivery, id: ids[index] as string }));
  }

  private async contents(
    tx: EntityManager,
    events: readonly ClaimedEvent[],
  ): Promise<ReadonlyMap<string, MatchableEvent>> {
    if (events.length === 0) return new Map();
    const ids = events.map(({ id }) => id);
    const contents = await this.repository.contents(tx, ids);
    return new Map(contents.map((content) => [content.id, matchableEvent(content)]));
  }
}
