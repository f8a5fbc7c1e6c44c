import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Caller } from '../../access/index.js';
import { Audit, type AuditAction } from '../../audit/index.js';
import { afterCommit, type CursorPosition, inTransaction } from '../../database/index.js';
import { DerivedKeys } from '../../encryption/index.js';
import { openCursor, type Page, pageOf, type Query, readListQuery } from '../../http/index.js';
import { isUuid } from '../../identifiers/index.js';
import { LaneSignal } from '../records/index.js';
import {
  type DeadLetter,
  type DeadLetterAnswer,
  deadLetterAnswer,
  positionOf,
  type ReplayAnswer,
} from './dead-letter.js';
import { type DeadLetterFilter, filterDetails, filterKey, filterOfQuery } from './dead-letter-filter.js';
import { DeadLetterRepository, type ReplayedBatch, type ReplayRange } from './dead-letter.repository.js';
import { DeadLetterNotFound, SubscriptionGone } from './dead-letters.errors.js';

/** Most dead letters that are replayed in one transaction. */
const batchSize = 10_000;

/** Milliseconds after which a request begins no further batch. */
const replayWithinMs = 20_000;

/** The use cases of dead letters: deliveries that were given up. Each change is one transaction, its audit entry included. */
@Injectable()
export class DeadLettersService implements OnModuleDestroy {
  private closing = false;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(DeadLetterRepository) private readonly letters: DeadLetterRepository,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(LaneSignal) private readonly lanes: LaneSignal,
    @Inject(DerivedKeys) private readonly derivedKeys: DerivedKeys,
  ) {}

  onModuleDestroy(): void {
    this.closing = true;
  }

  /**
   * The dead letters that the filters select, newest first, without those that were replayed.
   *
   * @throws Problem 400 for a bad `limit`, `cursor` or filter
   */
  async list(query: Query): Promise<Page<DeadLetterAnswer>> {
    const { limit, cursor } = readListQuery(query);
    const filter = filterOfQuery(query);
    const seal = { key: this.derivedKeys.derive('cursor-v1'), binding: ['dead-letters', filterKey(filter)] };
    const found = await this.letters.list(this.dataSource.manager, filter, limit + 1, openCursor(seal, cursor));
    return pageOf(found, limit, seal, positionOf, deadLetterAnswer);
  }

  /**
   * Makes the delivery of a dead letter due again, with the same `webhook-id`. Of any number of replays and deletions of one
   * dead letter at once, one succeeds (security.md Z-11).
   *
   * @throws DeadLetterNotFound, SubscriptionGone
   */
  async replay(caller: Caller, sentId: string): Promise<DeadLetterAnswer> {
    const id = known(sentId);
    return inTransaction(this.dataSource, async (tx) => {
      const subscriptionId = await this.letters.subscriptionOf(tx, id);
      if (subscriptionId === undefined) throw new DeadLetterNotFound();
      if (!(await this.letters.holdSubscription(tx, subscriptionId))) throw new SubscriptionGone();
      const letter = await this.letters.replay(tx, id);
      if (letter === undefined) throw new DeadLetterNotFound();
      await this.record(tx, caller, 'dead_letter.replayed', id, detailsOf(letter));
      afterCommit(tx, () => this.lanes.raise({ subscriptionId, lane: letter.lane }));
      return deadLetterAnswer(letter);
    });
  }

  /**
   * Replays every dead letter that the filter selects and whose subscription is there, the oldest first. What dies meanwhile is
   * left alone. A request takes its time, but not for ever: what it did not come to is still in the list.
   *
   * @param dryRun only counts
   */
  async replayAll(caller: Caller, filter: DeadLetterFilter, dryRun: boolean): Promise<ReplayAnswer> {
    const { manager } = this.dataSource;
    if (dryRun) return { replayed: await this.letters.countReplayable(manager, filter) };
    const begin = performance.now();
    const until = await this.letters.now(manager);
    let replayed = 0;
    for (let after: CursorPosition | undefined; ;) {
      const batch = await this.replayBatch(caller, filter, { after, until });
      replayed += batch.replayed;
      if (batch.seen < batchSize || batch.last === null) return { replayed };
      if (this.closing || performance.now() - begin > replayWithinMs) return { replayed, more_available: true };
      after = batch.last;
    }
  }

  /**
   * Removes a dead letter for good: its event is not delivered to its subscription any more.
   *
   * @throws DeadLetterNotFound
   */
  async delete(caller: Caller, sentId: string): Promise<void> {
    const id = known(sentId);
    await inTransaction(this.dataSource, async (tx) => {
      const letter = await this.letters.delete(tx, id);
      if (letter === undefined) throw new DeadLetterNotFound();
      await this.record(tx, caller, 'dead_letter.deleted', id, detailsOf(letter));
    });
  }

  private replayBatch(caller: Caller, filter: DeadLetterFilter, range: ReplayRange): Promise<ReplayedBatch> {
    return inTransaction(
      this.dataSource,
      async (tx) => {
        const subscriptions = await this.letters.holdSubscriptions(tx, filter);
        const batch = await this.letters.replayBatch(tx, filter, subscriptions, range, batchSize);
        // The batch after the last full one may be empty: nothing to tell.
        if (batch.seen > 0 || range.after === undefined) {
          const details = { ...filterDetails(filter), replayed: batch.replayed };
          await this.record(tx, caller, 'dead_letter.replayed', undefined, details);
        }
        afterCommit(tx, () => {
          for (const work of batch.work) this.lanes.raise(work);
        });
        return batch;
      },
      { withinMs: replayWithinMs },
    );
  }

  private record(
    tx: EntityManager,
    caller: Caller,
    action: AuditAction & `dead_letter.${string}`,
    targetId: string | undefined,
    details: object,
  ): Promise<void> {
    return this.audit.record(tx, {
      action,
      actorClientId: caller.clientId,
      targetType: 'dead_letter',
      targetId,
      origin: caller.origin,
      details: { ...details },
    });
  }
}

/** @throws DeadLetterNotFound for what no dead letter can be called */
function known(sentId: string): string {
  const id = sentId.toLowerCase();
  if (!isUuid(id)) throw new DeadLetterNotFound();
  return id;
}

function detailsOf({ delivery_id, event_id, event_type, subscription_id, reason }: DeadLetter): object {
  return { delivery_id, event_id, event_type, subscription_id, reason };
}
