import type { AttemptResult, FinishedAttempt } from './attempt.js';
import type { LeasedDelivery } from './leased-delivery.js';
import { nextState } from './next-state.js';

const schedule = [1, 2, 4];

function finished(delivery: Partial<LeasedDelivery>, result: Partial<AttemptResult>): FinishedAttempt {
  return {
    delivery: {
      id: 'delivery',
      leaseToken: 'lease',
      leasedAt: 0,
      eventId: 'event',
      eventType: 'test.happened',
      event: {
        envelope: '{}',
        sourceId: '1',
        source: 's',
        type: 't',
        subject: null,
        occurredAt: new Date(0),
        data: null,
      },
      attemptCount: 0,
      attemptsBefore: 0,
      ageMs: 0,
      probe: false,
      ...delivery,
    },
    result: {
      succeeded: false,
      statusCode: 500,
      error: 'http_500',
      excerpt: null,
      retryAfter: undefined,
      beganAt: 0,
      durationMs: 1,
      ...result,
    },
  };
}

const next = (delivery: Partial<LeasedDelivery>, result: Partial<AttemptResult> = {}) =>
  nextState(finished(delivery, result), schedule, 0.5);

describe('a delivery after an attempt', () => {
  it('is done after a success, a probe too', () => {
    const done = { status: 'succeeded', delayMs: null, counted: true, spared: false };
    expect(next({ attemptCount: 3 }, { succeeded: true, statusCode: 204 })).toEqual(done);
    expect(next({ probe: true }, { succeeded: true, statusCode: 200 })).toEqual(done);
  });

  it.each([
    [0, 1_000],
    [1, 2_000],
    [2, 4_000],
  ])('is retried after failure %i and one more', (attemptCount, delayMs) => {
    expect(next({ attemptCount })).toEqual({ status: 'retrying', delayMs, counted: true, spared: false });
  });

  it('is dead after the last attempt', () => {
    const dead = { status: 'dead', delayMs: null, counted: true, spared: false };
    expect(next({ attemptCount: 3 })).toEqual(dead);
    expect(next({ attemptCount: 3 }, { retryAfter: 5 })).toEqual(dead);
  });

  it('has the whole schedule again after a replay', () => {
    expect(next({ attemptCount: 4, attemptsBefore: 4 })).toMatchObject({ status: 'retrying', delayMs: 1_000 });
    expect(next({ attemptCount: 7, attemptsBefore: 4 })).toMatchObject({ status: 'dead' });
  });

  it('waits as long as the receiver asks for', () => {
    expect(next({}, { statusCode: 429, retryAfter: 30 })).toMatchObject({ status: 'retrying', delayMs: 30_000 });
  });

  it('has lost nothing by a probe that failed', () => {
    expect(next({ attemptCount: 3, probe: true })).toEqual({ status: null, delayMs: 0, counted: false, spared: false });
  });

  it('has lost nothing by a 410, be it the last attempt', () => {
    const waits = { status: 'retrying', delayMs: 0, counted: true, spared: true };
    expect(next({ attemptCount: 3 }, { statusCode: 410 })).toEqual(waits);
    expect(next({ probe: true }, { statusCode: 410 })).toEqual(waits);
  });
});
