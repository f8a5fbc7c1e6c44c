import { retryDelayMs } from './retry-delay.js';

describe('retryDelayMs', () => {
  it.each([
    [1, 1000],
    [2, 2000],
    [3, 4000],
    [4, 8000],
  ])('doubles: after failure %i it is %i ms', (failures, expected) => {
    expect(retryDelayMs(failures, 1000, 0.5)).toBe(expected);
  });

  it('spreads by a fifth each way', () => {
    expect(retryDelayMs(1, 1000, 0)).toBe(800);
    expect(retryDelayMs(1, 1000, 0.999_999)).toBe(1200);
  });

  it('never gives a fraction, which would leave the job active on PostgreSQL', () => {
    for (let failures = 1; failures < 40; failures += 1) {
      expect(Number.isSafeInteger(retryDelayMs(failures, 333, 0.123_456_789))).toBe(true);
    }
  });

  it('never exceeds five minutes and the spread', () => {
    expect(retryDelayMs(1000, 1000, 0.999_999)).toBeLessThanOrEqual(360_000);
  });
});
