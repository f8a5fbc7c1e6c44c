import type { StoredEvent } from '../records/index.js';

/** A delivery that this process alone sends until its lease ends. */
export interface LeasedDelivery {
  readonly id: string;
  readonly leaseToken: string;
  /** `performance.now()` before the lease began. */
  readonly leasedAt: number;
  readonly eventId: string;
  readonly eventType: string;
  readonly event: StoredEvent;
  /** Attempts made so far. */
  readonly attemptCount: number;
  /** Those of them that the schedule does not count. */
  readonly attemptsBefore: number;
  /** Milliseconds from the commit of the event to the lease. */
  readonly ageMs: number;
  /** Sent to learn whether the endpoint is back. */
  readonly probe: boolean;
}

/** Milliseconds between the lease and the request after which the request is not sent any more. */
export const startWithinMs = 5_000;

/** What a lease leaves for recording the attempt, in milliseconds: the request is over by then. */
export const recordWithinMs = 5_000;

/** How long a lease is, in milliseconds: whoever holds it is done, or has given up, before it ends. */
export function leaseMs(timeoutMs: number): number {
  return startWithinMs + timeoutMs + recordWithinMs;
}

/** No lease of a push is longer, in milliseconds: a `timeout_ms` is 30 s at most. What is held for longer was handed out to a poll. */
export const longestLeaseMs = leaseMs(30_000);
