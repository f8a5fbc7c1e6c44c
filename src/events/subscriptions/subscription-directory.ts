import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { type EventSelection, type MatchableEvent, readEventFilter } from '../../protocol/index.js';
import { sentEvent, type StoredEvent } from '../records/index.js';

/** A subscription as the router needs it: whom it is, and which events it wants. */
export interface RoutableSubscription extends EventSelection {
  readonly id: string;
  readonly delivery: 'push' | 'poll';
  readonly ordering: 'none' | 'subject';
  readonly status: 'active' | 'paused';
}

interface Row extends Omit<RoutableSubscription, 'eventTypes' | 'filter'> {
  readonly event_types: string[];
  readonly filter: string | null;
}

/** The live subscriptions, in memory. */
@Injectable()
export class SubscriptionDirectory {
  private known: { readonly version: string; readonly subscriptions: readonly RoutableSubscription[] } | undefined;

  /**
   * Every subscription that is not deleted, the paused ones included, as the database has them when this is called: read after
   * events were claimed, it lacks none that was there before they were committed.
   *
   * @param tx READ COMMITTED
   */
  async current(tx: EntityManager): Promise<readonly RoutableSubscription[]> {
    const [registry] = await tx.query<{ version: string }[]>('SELECT version FROM subscription_registry');
    if (registry === undefined) throw new Error('subscription_registry has no row');
    // The list may be newer than the version: then it is read once more, and nothing else.
    if (this.known?.version !== registry.version) {
      this.known = { version: registry.version, subscriptions: await load(tx) };
    }
    return this.known.subscriptions;
  }
}

/** The event as subscriptions are matched with it; its content is parsed at most once, and only if a filter asks. */
export function matchableEvent(event: StoredEvent): MatchableEvent {
  let content: Readonly<Record<string, unknown>> | undefined;
  return {
    type: event.type,
    source: event.source,
    content: () => (content ??= JSON.parse(sentEvent(event)) as Readonly<Record<string, unknown>>),
  };
}

async function load(tx: EntityManager): Promise<RoutableSubscription[]> {
  const rows = await tx.query<Row[]>(
    `SELECT id, delivery, ordering, status, event_types, source, filter FROM subscriptions
     WHERE deleted_at IS NULL ORDER BY created_at, id`,
  );
  return rows.map(({ event_types: eventTypes, filter, ...row }) => ({
    ...row,
    eventTypes,
    filter: filter === null ? null : readEventFilter(JSON.parse(filter), () => undefined),
  }));
}
