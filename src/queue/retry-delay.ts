const longestDelayMs = 300_000;

/**
 * How long a failed job waits for its next run: `baseMs`, doubled with each failure, at most five minutes, ± 20 % so that jobs
 * which failed together do not come back together.
 *
 * @param failures runs that have failed so far, 1 or more
 * @param random a number in [0, 1)
 * @returns whole milliseconds; BullMQ's PostgreSQL backend takes no fractions
 */
export function retryDelayMs(failures: number, baseMs: number, random: number): number {
  const delay = Math.min(baseMs * 2 ** (failures - 1), longestDelayMs);
  return Math.round(delay * (0.8 + 0.4 * random));
}
