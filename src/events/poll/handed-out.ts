import { sentEvent, type StoredEvent } from '../records/index.js';

/** An event as a poll hands it out. */
export interface HandedOut {
  readonly deliveryId: string;
  /** The event's own identifier, the same at each attempt. */
  readonly eventId: string;
  /** Which attempt this is; the first is 1. */
  readonly attempt: number;
  readonly event: StoredEvent;
}

/** What a poll gets. */
export interface PolledEvents {
  /** In the order of their publication. */
  readonly items: readonly HandedOut[];
  /** Whether the next poll would get some at once. */
  readonly moreAvailable: boolean;
}

/** A poll that gets nothing. */
export const nothing: PolledEvents = { items: [], moreAvailable: false };

/** An item as the answer shows it. */
export interface PolledItemAnswer {
  readonly delivery_id: string;
  readonly webhook_id: string;
  readonly attempt: number;
  readonly event: unknown;
}

/** The answer to a poll. */
export interface PollAnswer {
  readonly items: readonly PolledItemAnswer[];
  readonly more_available: boolean;
}

/** The JSON of a {@link PollAnswer}. The events stand in it as they are stored, byte for byte: nothing is parsed and written anew. */
export function pollJson({ items, moreAvailable }: PolledEvents): string {
  const written = items.map(
    ({ deliveryId, eventId, attempt, event }) =>
      `{"delivery_id":"${deliveryId}","webhook_id":"${eventId}","attempt":${attempt},"event":${sentEvent(event)}}`,
  );
  return `{"items":[${written.join(',')}],"more_available":${moreAvailable}}`;
}
