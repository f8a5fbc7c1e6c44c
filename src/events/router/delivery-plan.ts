import { createHash } from 'node:crypto';
import { type EventSelection, type MatchableEvent, matches } from '../../protocol/index.js';
import { laneOf } from '../records/index.js';
import type { RoutableSubscription } from '../subscriptions/index.js';
import type { ClaimedEvent, NewDelivery } from './router.repository.js';

/** Bytes of events whose contents are in memory at once; a bigger event comes alone. */
const contentBytes = 4 * 1024 * 1024;

/** Cuts the events, in their order, into parts whose contents may be read at once. */
export function* readableParts(events: readonly ClaimedEvent[]): Generator<readonly ClaimedEvent[]> {
  let part: ClaimedEvent[] = [];
  let bytes = 0;
  for (const event of events) {
    if (part.length > 0 && bytes + event.bytes > contentBytes) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(event);
    bytes += event.bytes;
  }
  if (part.length > 0) yield part;
}

/** The events whose content decides: those that a subscription with a filter selects by type and source. */
export function askedForContent(
  events: readonly ClaimedEvent[],
  subscriptions: readonly RoutableSubscription[],
): readonly ClaimedEvent[] {
  const selections: EventSelection[] = subscriptions
    .filter(({ filter }) => filter !== null)
    .map(({ eventTypes, source }) => ({ eventTypes, source, filter: null }));
  if (selections.length === 0) return [];
  return events.filter(
    (event) =>
      event.only_subscription_id === null && selections.some((selection) => matches(selection, withoutContent(event))),
  );
}

/**
 * The deliveries of events: one for each live subscription that an event matches, the paused ones included; of a test event one
 * for its subscription.
 *
 * @param contentOf the event as filters see it, where {@link askedForContent} has asked for it
 */
export function planDeliveries(
  events: readonly ClaimedEvent[],
  subscriptions: readonly RoutableSubscription[],
  contentOf: (event: ClaimedEvent) => MatchableEvent | undefined,
): Omit<NewDelivery, 'id'>[] {
  return events.flatMap((event) => {
    const matchable = contentOf(event) ?? withoutContent(event);
    const lane = laneOf(event.type);
    return subscriptions
      .filter((subscription) =>
        event.only_subscription_id === null
          ? matches(subscription, matchable)
          : subscription.id === event.only_subscription_id,
      )
      .map((subscription) => ({
        event,
        subscriptionId: subscription.id,
        lane,
        orderingKey: subscription.ordering === 'subject' ? orderingKeyOf(event) : null,
      }));
  });
}

/** What must stay in order, in hex; null for an event without a subject: nothing says what it comes after. */
function orderingKeyOf({ source, subject }: ClaimedEvent): string | null {
  return subject === null ? null : createHash('sha256').update(source).update('\0').update(subject).digest('hex');
}

function withoutContent({ type, source }: ClaimedEvent): MatchableEvent {
  return {
    type,
    source,
    content: () => {
      throw new Error('the content of an event was needed but not read');
    },
  };
}
