import { type EventFilter, passesFilter } from './event-filter.js';

/** What a subscription says of the events that it wants. */
export interface EventSelection {
  /** Exact types and globs; one must fit. */
  readonly eventTypes: readonly string[];
  /** The CloudEvents `source`, as a whole; `null`: any. */
  readonly source: string | null;
  /** `null`: any content. */
  readonly filter: EventFilter | null;
}

/** What of an event a subscription is matched with. */
export interface MatchableEvent {
  readonly type: string;
  readonly source: string;
  /** The whole CloudEvent as parsed JSON; asked for only where a filter looks at it. */
  content(): Readonly<Record<string, unknown>>;
}

/** Longest type or glob, in characters. */
export const maxEventTypeLength = 255;

/** Whether an event goes to a subscription: by its type, its source and its content. */
export function matches({ eventTypes, source, filter }: EventSelection, event: MatchableEvent): boolean {
  return (
    (source === null || source === event.source) &&
    eventTypes.some((glob) => matchesType(glob, event.type)) &&
    (filter === null || passesFilter(filter, event.content()))
  );
}

/**
 * Whether `type` is what `glob` says (http-api.md "Globs"): the same; `a.*` everything that begins with `a.` and goes on; `*`
 * everything.
 */
export function matchesType(glob: string, type: string): boolean {
  if (glob === type || glob === '*') return true;
  return glob.endsWith('.*') && type.length >= glob.length && type.startsWith(glob.slice(0, -1));
}

/** Says what is wrong with an event type or a glob of it; `undefined`: nothing. */
export function typeGlobFault(glob: string): string | undefined {
  if (glob.length === 0 || glob.length > maxEventTypeLength) return `must be 1 to ${maxEventTypeLength} characters`;
  if (!/^\P{Cc}+$/u.test(glob)) return 'must not hold control characters';
  const star = glob.indexOf('*');
  if (star === -1 || glob === '*') return undefined;
  return star === glob.length - 1 && star > 1 && glob.endsWith('.*')
    ? undefined
    : 'must hold a * only at its end after a dot, or alone';
}
