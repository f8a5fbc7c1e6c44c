/** Longest that a receiver may ask for, in seconds (http-api.md "Events"). */
const longestRetryAfter = 3_600;

/**
 * How long a delivery waits for its next attempt after one that failed: as long as the receiver asked for, an hour at most; else
 * as the schedule says, ± 20 %, so that deliveries which failed together do not come back together.
 *
 * @param attempt which attempt has failed, of those that count: 1 for the first
 * @param schedule seconds before the second, third, … attempt
 * @param retryAfter seconds that the receiver asked for
 * @param random a number in [0, 1)
 * @returns milliseconds; `undefined` when that was the last attempt
 */
export function nextDelay(
  attempt: number,
  schedule: readonly number[],
  retryAfter: number | undefined,
  random: number,
): number | undefined {
  const seconds = schedule[attempt - 1];
  if (seconds === undefined) return undefined;
  if (retryAfter !== undefined) return Math.round(Math.min(retryAfter, longestRetryAfter) * 1_000);
  return Math.round(seconds * 1_000 * (0.8 + 0.4 * random));
}

/** RFC 9110 §5.6.7: the form that is sent; the obsolete ones have no zone that `Date` would agree on. */
const httpDate = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/**
 * The seconds that a `Retry-After` asks for (RFC 9110 §10.2.3): a number of them, or a date. `undefined` for anything else.
 *
 * @param now milliseconds since the epoch
 */
export function retryAfterSeconds(value: string | string[] | undefined, now: number): number | undefined {
  if (typeof value !== 'string') return undefined;
  const text = value.trim();
  if (/^\d{1,10}$/.test(text)) return Number(text);
  if (!httpDate.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, (at - now) / 1_000);
}
