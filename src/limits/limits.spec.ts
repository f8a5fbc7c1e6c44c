import { Clock } from '../clock/index.js';
import { Measurements } from '../measurements/index.js';
import { DayQuotas } from './day-quotas.js';
import { LimitSharing } from './limit-sharing.js';
import { failureBudgets, Limits } from './limits.service.js';
import { networkOf } from './network-of.js';
import { TokenBuckets } from './token-buckets.js';
import { TokensOfDay } from './tokens-of-day.js';

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

class NothingIssued extends TokensOfDay {
  issued = new Map<string, number>();
  looks = 0;

  issuedOn(): Promise<ReadonlyMap<string, number>> {
    this.looks += 1;
    return Promise.resolve(this.issued);
  }
}

function limitsOf(clock: Clock, tokens = new NothingIssued()) {
  const sharing = new LimitSharing(undefined, clock);
  const days = new DayQuotas(sharing, tokens);
  return { limits: new Limits(clock, sharing, days, new Measurements()), days, tokens };
}

const times = (count: number) => Array.from({ length: count }, (_, index) => index);

describe('D14: failure budgets', () => {
  it('of one client from one network leave its other networks and other clients alone', () => {
    const { limits } = limitsOf(new TestClock());
    for (const _ of times(failureBudgets.clientAndNetwork)) expect(limits.failed('a', true, '10.0.0.1')).toBe(0);
    expect(limits.failed('a', true, '10.0.0.2')).toBeGreaterThan(0);
    expect(limits.failed('a', true, '10.0.1.1')).toBe(0);
    expect(limits.failed('b', true, '10.0.0.1')).toBe(0);
  });

  it('are the same for a name that does not exist, so that they do not tell which do', () => {
    const waits = [true, false].map((exists) => {
      const { limits } = limitsOf(new TestClock());
      return times(6_000).map((count) => limits.failed('a', exists, `10.0.${count % 12}.1`));
    });
    expect(waits[0]).toEqual(waits[1]);
  });

  it('refill', () => {
    const clock = new TestClock();
    const { limits } = limitsOf(clock);
    for (const _ of times(failureBudgets.clientAndNetwork + 1)) limits.failed('a', true, '10.0.0.1');
    clock.time += 60_000;
    expect(limits.failed('a', true, '10.0.0.1')).toBe(0);
  });

  it('of unknown clients are one for all: once it is used up, every failure from everywhere waits, and no success', () => {
    const { limits } = limitsOf(new TestClock());
    for (const count of times(failureBudgets.unknownClients)) {
      expect(limits.failed(`unknown-${count}`, false, `10.${count >> 8}.${count & 255}.1`)).toBe(0);
    }
    expect(limits.failed('unknown', false, '192.0.2.1')).toBeGreaterThan(0);
    expect(limits.failed('known', true, '192.0.2.1')).toBeGreaterThan(0);
    expect(limits.requested(quotas('known', 10))).toEqual([]);
  });

  it('one network cannot use up that of all', () => {
    const { limits } = limitsOf(new TestClock());
    for (const count of times(2 * failureBudgets.unknownClients)) limits.failed(`unknown-${count}`, false, '10.0.0.1');
    expect(limits.failed('other', false, '192.0.2.1')).toBe(0);
  });

  it('stay bounded under a million unknown names from a million networks', () => {
    const { limits } = limitsOf(new TestClock());
    const before = process.memoryUsage().heapUsed;
    for (const count of times(1_000_000)) {
      limits.failed(`unknown-${count}`, false, `2001:db8:${(count >> 8).toString(16)}:${(count & 255) << 8}::1`);
    }
    expect(limits.size).toBeLessThanOrEqual(3 * 16_384 + 1);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(100_000_000);
  });
});

function quotas(clientId: string, perMinute?: number, perDay?: number, reportsRateLimits = false) {
  return { clientId, rateLimitPerMinute: perMinute, rateLimitPerDay: perDay, reportsRateLimits };
}

describe('quotas of a client', () => {
  it('per minute and per day of UTC; what is refused uses nothing up', () => {
    const clock = new TestClock();
    clock.time = Date.parse('2026-03-10T23:59:00Z');
    const { limits } = limitsOf(clock);
    const ask = () => limits.requested(quotas('a', 2, 3));
    expect([ask(), ask()]).toEqual([[], []]);
    for (const _ of times(5)) expect(ask()).toEqual([{ quota: 'minute', waitSeconds: 30 }]);
    clock.time += 30_000;
    expect(ask()).toEqual([]);
    expect(ask()).toEqual([{ quota: 'day', waitSeconds: 30 }]);
    clock.time += 30_000;
    expect(ask()).toEqual([]);
  });

  it('that only report let everything pass and go on counting', () => {
    const { limits } = limitsOf(new TestClock());
    const ask = () => limits.requested(quotas('a', 1, 2, true)).map(({ quota }) => quota);
    expect([ask(), ask(), ask()]).toEqual([[], ['minute'], ['day', 'minute']]);
  });

  it('per day begin with what the statistics have counted, and never count less than they', async () => {
    const tokens = new NothingIssued();
    const { limits, days } = limitsOf(new TestClock(), tokens);
    const ask = () => limits.requested(quotas('a', undefined, 10)).length;
    tokens.issued.set('a', 8);
    expect(ask()).toBe(0);
    await days.look();
    expect([ask(), ask(), ask()]).toEqual([0, 0, 1]);
    expect(limitsOf(new TestClock()).limits.requested(quotas('a', undefined, 10))).toEqual([]);
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
