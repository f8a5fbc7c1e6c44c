import type { LeasedDelivery } from './leased-delivery.js';

/** What came of one request. */
export interface AttemptResult {
  readonly succeeded: boolean;
  /** `null`: no response. */
  readonly statusCode: number | null;
  /** A coarse class, `null` for a success: a code of `EgressError`, `http_` and the status, `auth_failed`, `not_sendable`. */
  readonly error: string | null;
  /** At most 1 KiB of text. */
  readonly excerpt: string | null;
  /** Seconds that the receiver asks for before the next attempt. */
  readonly retryAfter: number | undefined;
  /** `performance.now()` when it began. */
  readonly beganAt: number;
  readonly durationMs: number;
}

/** An attempt that is to be recorded. */
export interface FinishedAttempt {
  readonly delivery: LeasedDelivery;
  readonly result: AttemptResult;
}

/** What becomes of a delivery after an attempt. */
export interface NextState {
  /** `null`: as it was. */
  readonly status: 'succeeded' | 'retrying' | 'dead' | null;
  /** Milliseconds until the next attempt; `null` when it is finished. */
  readonly delayMs: number | null;
  /** Whether it shows in `attempt_count`. */
  readonly counted: boolean;
  /** Whether the schedule leaves it out. */
  readonly spared: boolean;
}
