import { type Query, queryParameter } from '../../http/index.js';
import { isUuid } from '../../identifiers/index.js';
import { badRequest, type ProblemFault } from '../../protocol/index.js';

/**
 * Where a delivery stands, as it is shown. `held` is stored nowhere: pending or retrying, while the subscription is paused or its
 * breaker open. `cancelled`: the subscription was deleted before it was sent.
 */
export const shownStatuses = ['pending', 'retrying', 'held', 'succeeded', 'dead', 'cancelled'] as const;

export type ShownStatus = (typeof shownStatuses)[number];

/** Which deliveries are asked for; what is `undefined` does not matter. */
export interface DeliveryFilter {
  readonly subscriptionId: string | undefined;
  readonly eventId: string | undefined;
  readonly status: ShownStatus | undefined;
}

/**
 * Reads the filters of the deliveries (http-api.md "Events").
 *
 * @throws Problem 400 with the pointers of the bad ones
 */
export function readDeliveryFilter(query: Query): DeliveryFilter {
  const faults: ProblemFault[] = [];
  const uuid = (name: string): string | undefined => {
    const value = queryParameter(query, name)?.toLowerCase();
    if (value !== undefined && !isUuid(value)) faults.push({ pointer: `/${name}`, detail: 'must be a UUID' });
    return value;
  };
  const filter = { subscriptionId: uuid('subscription_id'), eventId: uuid('event_id') };
  const status = queryParameter(query, 'status');
  if (status !== undefined && !isShownStatus(status)) {
    throw badRequest([...faults, { pointer: '/status', detail: `must be one of ${shownStatuses.join(', ')}` }]);
  }
  if (faults.length > 0) throw badRequest(faults);
  return { ...filter, status };
}

/** What binds a cursor to its filter. */
export function filterKey({ subscriptionId, eventId, status }: DeliveryFilter): string {
  return JSON.stringify([subscriptionId ?? null, eventId ?? null, status ?? null]);
}

function isShownStatus(text: string): text is ShownStatus {
  return (shownStatuses as readonly string[]).includes(text);
}
