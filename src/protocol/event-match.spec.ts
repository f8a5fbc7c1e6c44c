import { type MatchableEvent, matches } from './index.js';
import { matchesType, typeGlobFault } from './event-match.js';

describe('globs (http-api.md "Globs")', () => {
  it.each<[string, string, boolean]>([
    ['a.b', 'a.b', true],
    ['a.b', 'a.bc', false],
    ['a.b', 'A.b', false],
    ['a.*', 'a.b', true],
    ['a.*', 'a.b.c', true],
    ['a.*', 'a', false],
    ['a.*', 'a.', false],
    ['a.*', 'ab.c', false],
    ['a.*', 'b.a.c', false],
    ['a.b.*', 'a.b.c', true],
    ['a.b.*', 'a.c', false],
    ['*', 'a', true],
    ['*', 'a.b.c', true],
  ])('%s and %s: %s', (glob, type, expected) => {
    expect(matchesType(glob, type)).toBe(expected);
  });

  it.each(['a', 'a.b', 'a.*', 'a.b.*', '*', 'com.example/order-1', 'x'.repeat(255)])(
    '%s may be subscribed to',
    (glob) => {
      expect(typeGlobFault(glob)).toBeUndefined();
    },
  );

  it.each(['', '*a', 'a*', '*.a', 'a.*.b', '**', 'a.**', '.*', 'a\n', 'a\0', 'x'.repeat(256)])('%j may not', (glob) => {
    expect(typeGlobFault(glob)).toEqual(expect.any(String));
  });
});

describe('a subscription', () => {
  const event: MatchableEvent = {
    type: 'order.created',
    source: 'shop',
    content: () => ({ type: 'order.created', source: 'shop', subject: 'eu-1', data: {} }),
  };
  const any = { eventTypes: ['*'], source: null, filter: null };

  it('gets what one of its types, its source and its filter let through', () => {
    expect(matches(any, event)).toBe(true);
    expect(matches({ ...any, eventTypes: ['invoice.*', 'order.*'] }, event)).toBe(true);
    expect(matches({ ...any, eventTypes: ['invoice.*'] }, event)).toBe(false);
    expect(matches({ ...any, source: 'shop' }, event)).toBe(true);
    expect(matches({ ...any, source: 'sho' }, event)).toBe(false);
    const filter = { rules: [{ path: ['subject'], conditions: [{ prefix: 'us-' }] }] };
    expect(matches({ ...any, filter }, event)).toBe(false);
  });

  it('without a filter never looks into an event', () => {
    const closed = {
      ...event,
      content: (): never => {
        throw new Error('the content was asked for');
      },
    };
    expect(matches(any, closed)).toBe(true);
  });
});
