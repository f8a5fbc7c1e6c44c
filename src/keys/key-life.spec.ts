import {
  automaticLeadMs,
  dueSteps,
  graceMs,
  type KeyLifeSettings,
  type KeyStep,
  latestExpiry,
  leavesGap,
  manualLeadMs,
  rotationByHand,
} from './key-life.js';
import type { SigningKey } from './signing-key.js';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const start = Date.parse('2026-01-01T00:00:00Z');

const rs256: KeyLifeSettings = { signingAlg: 'RS256', rotationDays: 90 };
const es256: KeyLifeSettings = { signingAlg: 'ES256', rotationDays: 90 };
const byHandOnly: KeyLifeSettings = { signingAlg: 'RS256', rotationDays: 0 };

/** Times are given in milliseconds since `start`. */
function key(
  kid: string,
  status: SigningKey['status'],
  times: { created?: number; activates?: number; activated?: number; retiring?: number; expires?: number } = {},
  alg: SigningKey['alg'] = 'RS256',
): SigningKey {
  const at = (time: number | undefined) => (time === undefined ? null : new Date(start + time));
  return {
    kid,
    alg,
    status,
    createdAt: new Date(start + (times.created ?? 0)),
    activatesAt: at(times.activates),
    activatedAt: at(times.activated),
    retiringAt: at(times.retiring),
    expiresAt: at(times.expires),
  };
}

const active = key('a', 'active', { activated: 0 });
const pending = (created: number, activates: number) => key('p', 'pending', { created, activates });
const retiring = (since: number, expires: number, kid = 'r') => key(kid, 'retiring', { retiring: since, expires });
const bound = day + graceMs;

describe('what is due', () => {
  it.each<[string, KeyLifeSettings, SigningKey[], number, KeyStep[]]>([
    ['nothing while the key is young', rs256, [active], 0, []],
    ['nothing one moment before the next key is to be published', rs256, [active], 89 * day - 1, []],
    [
      'the next key is published a day before it signs',
      rs256,
      [active],
      89 * day,
      [{ kind: 'publish', alg: 'RS256', activatesAt: start + 90 * day }],
    ],
    ['nothing while it waits', rs256, [active, pending(89 * day, 90 * day)], 90 * day - 1, []],
    [
      'it signs',
      rs256,
      [active, pending(89 * day, 90 * day)],
      90 * day,
      [{ kind: 'activate', kid: 'p', alg: 'RS256' }],
    ],
    ['nothing without automatic rotation', byHandOnly, [active], 4_000 * day, []],
    [
      'a key that was published by hand signs without automatic rotation too',
      byHandOnly,
      [active, pending(day, day + manualLeadMs)],
      day + manualLeadMs,
      [{ kind: 'activate', kid: 'p', alg: 'RS256' }],
    ],
    [
      'after an outage of many periods, one key is published, a full day before it signs',
      rs256,
      [active],
      500 * day,
      [{ kind: 'publish', alg: 'RS256', activatesAt: start + 501 * day }],
    ],
    [
      'after an outage with a key that waited, it signs, and no other is published beside it',
      rs256,
      [active, pending(89 * day, 90 * day)],
      500 * day,
      [{ kind: 'activate', kid: 'p', alg: 'RS256' }],
    ],
    [
      'a key that was just published does not sign, whatever its row says',
      rs256,
      [active, pending(100 * day, 99 * day)],
      100 * day + manualLeadMs - 1,
      [],
    ],
    [
      'nor does one whose row says nothing, for a day',
      rs256,
      [active, key('p', 'pending', { created: 100 * day })],
      101 * day - 1,
      [],
    ],
    ['a key that signs no more stays while its tokens live', rs256, [active, retiring(0, bound)], bound - 1, []],
    ['and then leaves', rs256, [active, retiring(0, bound)], bound, [{ kind: 'retire', kid: 'r' }]],
    ['one whose row says nothing stays', rs256, [active, key('r', 'retiring')], 10 * day, []],
    [
      'a minute after its last signature it is asked what it has signed',
      rs256,
      [active, retiring(0, bound)],
      minute,
      [{ kind: 'measure', kid: 'r' }],
    ],
    ['not sooner', rs256, [active, retiring(0, bound)], minute - 1, []],
    ['not for ever, where the answer does not come', rs256, [active, retiring(0, bound)], 11 * minute, []],
    ['not again', rs256, [active, retiring(0, 20 * minute)], 2 * minute, []],
    [
      'no fifth key is published',
      rs256,
      [active, retiring(88 * day, 90 * day), retiring(88 * day, 90 * day, 's'), retiring(88 * day, 90 * day, 't')],
      89 * day,
      [],
    ],
    [
      'but where one leaves, the next is published at once',
      rs256,
      [active, retiring(87 * day, 89 * day), retiring(88 * day, 90 * day, 's'), retiring(88 * day, 90 * day, 't')],
      89 * day,
      [
        { kind: 'retire', kid: 'r' },
        { kind: 'publish', alg: 'RS256', activatesAt: start + 90 * day },
      ],
    ],
    ['nothing where no key signs at all: that is for the start', rs256, [retiring(0, bound)], hour, []],
  ])('%s', (_, settings, keys, now, expected) => {
    expect(dueSteps(keys, start + now, settings)).toEqual(expected);
  });

  it('a daily rotation publishes the next key as soon as one signs, and stays within four keys', () => {
    const daily = { signingAlg: 'RS256', rotationDays: 1 } as const;
    const keys = [key('a', 'active', { activated: 10 * day }), retiring(9 * day, 10 * day + graceMs, 'r')];
    expect(dueSteps([...keys, retiring(10 * day, 11 * day + graceMs, 's')], start + 10 * day, daily)).toEqual([
      { kind: 'publish', alg: 'RS256', activatesAt: start + 11 * day },
    ]);
  });
});

describe('another SIGNING_ALG', () => {
  const other = key('e', 'active', { activated: 100 * day }, 'ES256');

  it.each<[string, SigningKey[], number, KeyStep[]]>([
    [
      'its first key is published as by hand, while the old one signs',
      [active],
      hour,
      [{ kind: 'publish', alg: 'ES256', activatesAt: start + hour + manualLeadMs }],
    ],
    ['and the old one is left alone for its days', [active, other], 90 * day - 1, []],
    ['then it ceases', [active, other], 90 * day, [{ kind: 'cease', kid: 'a' }]],
  ])('%s', (_, keys, now, expected) => {
    expect(dueSteps(keys, start + now, es256)).toEqual(expected);
  });

  it('never leaves nobody to sign', () => {
    const waiting = key('e', 'pending', { created: 200 * day, activates: 201 * day }, 'ES256');
    expect(dueSteps([active, waiting], start + 200 * day, es256)).toEqual([]);
  });
});

describe('whatever the time at which it is looked after', () => {
  /** What the steps do to the rows. */
  function apply(keys: readonly SigningKey[], steps: readonly KeyStep[], now: number): SigningKey[] {
    const at = new Date(now);
    return steps.reduce<SigningKey[]>(
      (rows, step) => {
        if (step.kind === 'publish') {
          const fresh = { ...active, kid: `k${now}`, status: 'pending', createdAt: at, activatedAt: null } as const;
          return [...rows, { ...fresh, activatesAt: new Date(step.activatesAt) }];
        }
        if (step.kind === 'retire') return rows.filter(({ kid }) => kid !== step.kid);
        if (step.kind !== 'activate') return rows;
        return rows.map((row) => {
          if (row.kid === step.kid) return { ...row, status: 'active', activatedAt: at };
          if (row.status !== 'active') return row;
          return { ...row, status: 'retiring', retiringAt: at, expiresAt: new Date(latestExpiry(now)) };
        });
      },
      [...keys],
    );
  }

  it.each([1, 2, 30, 90])('exactly one key signs, published a day before; %d days', (rotationDays) => {
    let keys: SigningKey[] = [active];
    let now = start;
    let seed = 7;
    for (let turn = 0; turn < 2_000; turn += 1) {
      // From a minute to a month, as an unsteady server would.
      seed = (seed * 48_271) % 2_147_483_647;
      now += seed % 3 === 0 ? seed % (31 * day) : minute + (seed % hour);
      const steps = dueSteps(keys, now, { signingAlg: 'RS256', rotationDays });
      for (const step of steps) {
        if (step.kind !== 'activate') continue;
        const next = keys.find(({ kid }) => kid === step.kid);
        expect(now - (next?.createdAt.getTime() ?? Infinity)).toBeGreaterThanOrEqual(automaticLeadMs);
      }
      keys = apply(keys, steps, now);
      expect(keys.filter(({ status }) => status === 'active')).toHaveLength(1);
      expect(keys.length).toBeLessThanOrEqual(4);
      const again = dueSteps(keys, now, { signingAlg: 'RS256', rotationDays });
      expect(again.filter(({ kind }) => kind === 'activate' || kind === 'retire')).toEqual([]);
    }
  });
});

describe('a rotation by hand', () => {
  const now = start + 10 * day;
  const hand = (keys: readonly SigningKey[], immediate: boolean) => rotationByHand(keys, now, rs256, immediate);
  const waiting = pending(9 * day, 11 * day);
  const old = (kid: string) => retiring(9 * day, 12 * day, kid);

  it('publishes a key that signs a quarter of an hour later', () => {
    expect(hand([active], false)).toEqual({ kind: 'publish', activatesAt: now + 15 * minute });
  });

  it('is refused while a key waits, and says until when', () => {
    expect(hand([active, waiting], false)).toEqual({ kind: 'pending', activatesAt: start + 11 * day });
  });

  it('takes effect at once where that is asked for, with or without a key that waits', () => {
    expect(hand([active], true)).toEqual({ kind: 'begin' });
    expect(hand([active, waiting], true)).toEqual({ kind: 'begin' });
  });

  it('K-21: is no second one within two seconds', () => {
    expect(hand([active, retiring(10 * day, 12 * day)], true)).toEqual({ kind: 'unsettled' });
    expect(hand([active, retiring(10 * day - 1_999, 12 * day)], true)).toEqual({ kind: 'unsettled' });
    expect(hand([active, retiring(10 * day - 2_000, 12 * day)], true)).toEqual({ kind: 'begin' });
  });

  it('K-21: makes no fifth key', () => {
    const full = [active, old('r'), old('s'), old('t')];
    expect(hand(full, false)).toEqual({ kind: 'full' });
    expect(hand(full, true)).toEqual({ kind: 'full' });
    expect(hand([active, waiting, old('r'), old('s')], true)).toEqual({ kind: 'begin' });
  });
});

describe('a key that is revoked', () => {
  const other = key('e', 'active', { activated: 0 }, 'ES256');

  it.each<[string, SigningKey[], SigningKey, KeyLifeSettings, boolean]>([
    ['the one that signs leaves a gap', [active], active, rs256, true],
    ['also beside a key of another algorithm', [active, other], active, rs256, true],
    ['one that waits leaves none', [active, pending(0, day)], pending(0, day), rs256, false],
    ['one that signs no more leaves none', [active, retiring(0, bound)], retiring(0, bound), rs256, false],
    ['one of an algorithm that is not used leaves none', [active, other], other, rs256, false],
    ['unless no other signs', [active], active, es256, true],
  ])('%s', (_, keys, revoked, settings, expected) => {
    expect(leavesGap(keys, revoked, settings)).toBe(expected);
  });
});
