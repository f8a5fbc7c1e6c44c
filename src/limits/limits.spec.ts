import { Clock } from '../clock/index.js';
import { failureBudgets, Limits } from './limits.service.js';
import { networkOf } from './network-of.js';
import { TokenBuckets } from './token-buckets.js';

class TestClock extends Clock {
  time = 1_000_000;

  now(): number {
    return this.time;
  }
}

describe('token buckets', () => {
  it('grant a burst of one minute, then what flows in', () => {
    const buckets = new TokenBuckets(10);
    expect([1, 2, 3].map(() => buckets.take('a', 2, 0))).toEqual([0, 0, 30]);
    expect(buckets.take('a', 2, 29_999)).toBe(1);
    expect(buckets.take('a', 2, 31_000)).toBe(0);
  });

  it('keep other keys apart', () => {
    const buckets = new TokenBuckets(10);
    buckets.take('a', 1, 0);
    expect(buckets.take('a', 1, 0)).toBeGreaterThan(0);
    expect(buckets.take('b', 1, 0)).toBe(0);
  });

  it('stay bounded under a million unknown keys', () => {
    const buckets = new TokenBuckets(1000);
    for (let key = 0; key < 1_000_000; key += 1) buckets.take(`unknown-${key}`, 10, 0);
    expect(buckets.size).toBe(1000);
  });

  it('do not drain when the clock is set back', () => {
    const buckets = new TokenBuckets(10);
    buckets.take('a', 2, 3_600_000);
    expect(buckets.take('a', 2, 0)).toBe(0);
  });
});

describe('D14: failure budgets', () => {
  it('of one client from one network leave its other networks and other clients alone', () => {
    const limits = new Limits(new TestClock());
    for (let count = 0; count < failureBudgets.clientAndNetwork; count += 1) {
      expect(limits.failed('a', '10.0.0.1')).toBe(0);
    }
    expect(limits.failed('a', '10.0.0.2')).toBeGreaterThan(0);
    expect(limits.failed('a', '10.0.1.1')).toBe(0);
    expect(limits.failed('b', '10.0.0.1')).toBe(0);
  });

  it('refill', () => {
    const clock = new TestClock();
    const limits = new Limits(clock);
    for (let count = 0; count <= failureBudgets.clientAndNetwork; count += 1) limits.failed('a', '10.0.0.1');
    clock.time += 60_000;
    expect(limits.failed('a', '10.0.0.1')).toBe(0);
  });
});

describe('networks', () => {
  it.each([
    ['192.0.2.7', '192.0.2'],
    ['2001:db8:1:2ff::1', '20010db8000102'],
    ['2001:db8:1:200::', '20010db8000102'],
    ['::1', '00000000000000'],
    [undefined, 'unknown'],
  ])('%s is counted under %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});
