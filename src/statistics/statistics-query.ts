import { type Query, queryParameter } from '../http/index.js';
import { badRequest, parseDateTime, type ProblemFault } from '../protocol/index.js';

/** What the series is cut into. */
export type Bucket = 'hour' | 'day';

/** The hours that statistics are asked of: whole ones, in UTC. */
export interface StatisticsRange {
  /** Milliseconds since the epoch, the start of an hour; inclusive. */
  readonly from: number;
  /** The start of an hour; exclusive. */
  readonly to: number;
  readonly bucket: Bucket;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const buckets: readonly string[] = ['hour', 'day'] satisfies Bucket[];

/** Longest range that may be asked for, in days; the hour by which it is widened is not held against it. */
const maxDays = { hour: 31, day: 3_660 } as const;

const earliest = Date.UTC(2000, 0, 1);
const mostAheadMs = 366 * dayMs;

/**
 * Reads `from`, `to` and `bucket`; without them, the last 24 hours. The range is widened to whole hours; without `bucket` it is
 * cut into hours, and one that is too long for that into days.
 *
 * @param now milliseconds since the epoch
 * @throws Problem 400 that names each bad parameter
 */
export function readStatisticsQuery(query: Query, now: number): StatisticsRange {
  const faults: ProblemFault[] = [];
  const asked = queryParameter(query, 'bucket');
  if (asked !== undefined && !isBucket(asked)) faults.push({ pointer: '/bucket', detail: 'must be hour or day' });
  const askedTo = readTime(query, 'to', now, faults);
  const askedFrom = readTime(query, 'from', now, faults);
  if (faults.length > 0) throw badRequest(faults);
  const to = askedTo ?? now;
  const from = askedFrom ?? to - dayMs;
  if (from > to) throw badRequest([{ pointer: '/from', detail: 'must not be later than to' }]);
  const isTooLong = (unit: Bucket): boolean => to - from > maxDays[unit] * dayMs + hourMs;
  const bucket = asked !== undefined && isBucket(asked) ? asked : isTooLong('hour') ? 'day' : 'hour';
  if (isTooLong(bucket)) {
    const detail = `must be at most ${maxDays[bucket]} days before to where bucket is ${bucket}`;
    throw badRequest([{ pointer: '/from', detail }]);
  }
  return { from: Math.floor(from / hourMs) * hourMs, to: Math.ceil(to / hourMs) * hourMs, bucket };
}

/** The starts of the buckets that the range touches, in milliseconds since the epoch. */
export function bucketsOf({ from, to, bucket }: StatisticsRange): number[] {
  const length = bucket === 'hour' ? hourMs : dayMs;
  const first = Math.floor(from / length) * length;
  return Array.from({ length: Math.max(0, Math.ceil((to - first) / length)) }, (_, index) => first + index * length);
}

function isBucket(text: string): text is Bucket {
  return buckets.includes(text);
}

function readTime(query: Query, name: string, now: number, faults: ProblemFault[]): number | undefined {
  const text = queryParameter(query, name);
  if (text === undefined) return undefined;
  const at = parseDateTime(text);
  if (at === undefined) {
    faults.push({ pointer: `/${name}`, detail: 'must be a date and time of RFC 3339, such as 2026-01-31T12:00:00Z' });
  } else if (at < earliest || at > now + mostAheadMs) {
    faults.push({ pointer: `/${name}`, detail: 'must lie between the year 2000 and a year from now' });
  }
  return at;
}
