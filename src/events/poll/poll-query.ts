import { type Query, queryParameter } from '../../http/index.js';
import { isUuid } from '../../identifiers/index.js';
import { badRequest, type ProblemFault } from '../../protocol/index.js';

/** What a poll may ask for, and what it gets unless it asks; see the members of {@link PollQuery}. */
export const pollBounds = {
  maxEvents: { least: 1, most: 100, usual: 10 },
  waitSeconds: { least: 0, most: 30, usual: 0 },
  visibilitySeconds: { least: 1, most: 3600, usual: 30 },
} as const;

/** One poll. */
export interface PollQuery {
  readonly subscriptionId: string;
  readonly maxEvents: number;
  /** How long it waits for events while there are none. */
  readonly waitSeconds: number;
  /** How long an event that was handed out is kept back from further polls. */
  readonly visibilitySeconds: number;
}

/**
 * Reads the query of a poll.
 *
 * @throws Problem 400 with the pointer of each bad parameter
 */
export function readPollQuery(query: Query): PollQuery {
  const faults: ProblemFault[] = [];
  const integer = (name: string, { least, most, usual }: { least: number; most: number; usual: number }): number => {
    const text = queryParameter(query, name);
    if (text === undefined) return usual;
    const value = /^(0|[1-9][0-9]{0,3})$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) {
      faults.push({ pointer: `/${name}`, detail: `must be an integer from ${least} to ${most}` });
    }
    return value;
  };
  const subscriptionId = queryParameter(query, 'subscription_id')?.toLowerCase();
  if (subscriptionId === undefined || !isUuid(subscriptionId)) {
    faults.push({ pointer: '/subscription_id', detail: 'must be the UUID of a subscription' });
  }
  const numbers = {
    maxEvents: integer('max_events', pollBounds.maxEvents),
    waitSeconds: integer('wait_seconds', pollBounds.waitSeconds),
    visibilitySeconds: integer('visibility_seconds', pollBounds.visibilitySeconds),
  };
  if (faults.length > 0 || subscriptionId === undefined) throw badRequest(faults);
  return { subscriptionId, ...numbers };
}
