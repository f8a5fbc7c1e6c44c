import { nextDelay, retryAfterSeconds } from './next-delay.js';

const schedule = [1, 2, 4];

describe('the delay of the next attempt', () => {
  it.each([
    [1, 0.5, 1_000],
    [2, 0.5, 2_000],
    [3, 0.5, 4_000],
    [1, 0, 800],
    [1, 0.999_999, 1_200],
    [3, 0, 3_200],
    [3, 0.999_999, 4_800],
  ])('after attempt %i, with chance %f, is %i ms', (attempt, random, delay) => {
    expect(nextDelay(attempt, schedule, undefined, random)).toBe(delay);
  });

  it('is none after the last attempt, whatever the receiver asks for', () => {
    expect(nextDelay(4, schedule, undefined, 0.5)).toBeUndefined();
    expect(nextDelay(4, schedule, 10, 0.5)).toBeUndefined();
    expect(nextDelay(1, [], 10, 0.5)).toBeUndefined();
  });

  it('is nothing where the schedule says so', () => {
    expect([0, 0.5, 0.999].map((random) => nextDelay(1, [0, 5], undefined, random))).toEqual([0, 0, 0]);
    expect(nextDelay(2, [0, 5], undefined, 0.5)).toBe(5_000);
  });

  it('is what the receiver asks for, up to an hour', () => {
    expect(nextDelay(1, schedule, 30, 0.5)).toBe(30_000);
    expect(nextDelay(1, [60], 1, 0.5)).toBe(1_000);
    expect(nextDelay(1, schedule, 0, 0.5)).toBe(0);
    expect(nextDelay(1, schedule, 86_400, 0.5)).toBe(3_600_000);
  });
});

describe('Retry-After', () => {
  const now = Date.UTC(2026, 0, 31, 23, 59, 30);

  it.each([
    ['120', 120],
    [' 0 ', 0],
    ['9999999999', 9_999_999_999],
    ['Sun, 01 Feb 2026 00:00:00 GMT', 30],
    ['Sat, 31 Jan 2026 23:59:00 GMT', 0],
  ])('%s asks for %i s', (value, seconds) => {
    expect(retryAfterSeconds(value, now)).toBe(seconds);
  });

  it.each([
    undefined,
    '',
    '-1',
    '1.5',
    '1e3',
    'soon',
    '99999999999999999999',
    'Sun, 99 Feb 2026 00:00:00 GMT',
    '2026-02-01T00:00:00Z',
    ['1', '2'],
  ])('%j asks for nothing', (value) => {
    expect(retryAfterSeconds(value, now)).toBeUndefined();
  });
});
