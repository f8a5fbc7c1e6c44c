import { type Query, queryParameter } from '../../http/index.js';
import { isUuid } from '../../identifiers/index.js';
import { badRequest, parseDateTime, type ProblemFault } from '../../protocol/index.js';

/** Which dead letters are asked for; what is `undefined` does not matter. */
export interface DeadLetterFilter {
  readonly subscriptionId: string | undefined;
  /** The whole type: neither a glob nor a pattern. */
  readonly eventType: string | undefined;
  /** By the time of death, included; RFC 3339 in UTC. */
  readonly from: string | undefined;
  /** Not included. */
  readonly to: string | undefined;
}

/** The filter as it was sent. */
export interface SentFilter {
  readonly subscription_id?: string | undefined;
  readonly event_type?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** A whole type, as people name them: it begins and ends with a letter or digit, and holds no blank, quote or wildcard. */
const eventType = /^[\p{L}\p{N}](?:[\p{L}\p{N}._:/@~#!-]{0,254}[\p{L}\p{N}])?$/u;

/** Nothing died before or after. */
const years = { first: 2000, last: 2199 } as const;

/**
 * Reads the filter of the list from its query.
 *
 * @throws Problem 400 with the pointer of each bad one
 */
export function filterOfQuery(query: Query): DeadLetterFilter {
  return readFilter({
    subscription_id: queryParameter(query, 'subscription_id'),
    event_type: queryParameter(query, 'event_type'),
    from: queryParameter(query, 'from'),
    to: queryParameter(query, 'to'),
  });
}

/**
 * Reads a filter.
 *
 * @throws Problem 400 with the pointer of each bad one
 */
export function readFilter(sent: SentFilter): DeadLetterFilter {
  const faults: ProblemFault[] = [];
  const fault = (name: string, detail: string): void => void faults.push({ pointer: `/${name}`, detail });
  const subscriptionId = sent.subscription_id?.toLowerCase();
  if (subscriptionId !== undefined && !isUuid(subscriptionId)) fault('subscription_id', 'must be a UUID');
  if (sent.event_type !== undefined && !eventType.test(sent.event_type)) {
    fault('event_type', 'must be the whole type of an event');
  }
  const time = (name: 'from' | 'to'): string | undefined => {
    const value = sent[name];
    const at = value === undefined ? undefined : timeOf(value);
    if (value !== undefined && at === undefined) {
      fault(name, `must be a time of RFC 3339 from ${years.first} to ${years.last}`);
    }
    return at;
  };
  const [from, to] = [time('from'), time('to')];
  if (from !== undefined && to !== undefined && from > to) fault('from', 'must not be later than to');
  if (faults.length > 0) throw badRequest(faults);
  return { subscriptionId, eventType: sent.event_type, from, to };
}

/** What binds a cursor to its filter. */
export function filterKey({ subscriptionId, eventType: type, from, to }: DeadLetterFilter): string {
  return JSON.stringify([subscriptionId ?? null, type ?? null, from ?? null, to ?? null]);
}

/** The filter as the audit log tells of it. */
export function filterDetails({ subscriptionId, eventType: type, from, to }: DeadLetterFilter): SentFilter {
  return { subscription_id: subscriptionId, event_type: type, from, to };
}

function timeOf(text: string): string | undefined {
  const ms = parseDateTime(text);
  if (ms === undefined) return undefined;
  const at = new Date(ms);
  const year = at.getUTCFullYear();
  return year >= years.first && year <= years.last ? at.toISOString() : undefined;
}
