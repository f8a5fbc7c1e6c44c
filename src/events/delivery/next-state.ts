import type { FinishedAttempt, NextState } from './attempt.js';
import { nextDelay } from './next-delay.js';

/** 410: the endpoint is gone, and its subscription pauses (Standard Webhooks, "Operational considerations"). */
export const goneStatus = 410;

/**
 * What becomes of a delivery after an attempt (http-api.md "Events"): done after a success; waiting as it was after a probe that
 * failed, and after a 410, which both cost it nothing; else retried as scheduled, until it has had all its attempts.
 *
 * @param schedule seconds before the second, third, … attempt
 * @param random a number in [0, 1)
 */
export function nextState(
  { delivery, result }: FinishedAttempt,
  schedule: readonly number[],
  random: number,
): NextState {
  if (result.succeeded) return { status: 'succeeded', delayMs: null, counted: true, spared: false };
  if (result.statusCode === goneStatus) return { status: 'retrying', delayMs: 0, counted: true, spared: true };
  // Held all the same, by the breaker: due at once when that closes.
  if (delivery.probe) return { status: null, delayMs: 0, counted: false, spared: false };
  const attempt = delivery.attemptCount - delivery.attemptsBefore + 1;
  const delayMs = nextDelay(attempt, schedule, result.retryAfter, random);
  if (delayMs === undefined) return { status: 'dead', delayMs: null, counted: true, spared: false };
  return { status: 'retrying', delayMs, counted: true, spared: false };
}
