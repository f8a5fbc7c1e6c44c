import { decodeCursor, encodeCursor } from './cursor.js';

const key = Buffer.alloc(32, 7);
const binding = ['clients', 'q=billing', 'status=active'];
const position = { at: '2026-11-21T14:40:00.123456Z', id: 'billing-"ü"' };

describe('cursor', () => {
  it('opens with the same key and binding', () => {
    expect(decodeCursor(key, binding, encodeCursor(key, binding, position))).toEqual(position);
  });

  it('is safe in a URL', () => {
    expect(encodeCursor(key, binding, position)).toMatch(/^[A-Za-z0-9_-]+$/);
  });

  it.each<[string, string[]]>([
    ['another list', ['scopes', 'q=billing', 'status=active']],
    ['another filter', ['clients', 'q=other', 'status=active']],
    ['less of a filter', ['clients', 'q=billing']],
    ['the same words, divided differently', ['clients', 'q=billingstatus=active', '']],
    ['the same words in another order', ['clients', 'status=active', 'q=billing']],
  ])('does not open for %s', (_, other) => {
    expect(decodeCursor(key, other, encodeCursor(key, binding, position))).toBeUndefined();
  });

  it('does not open with another key', () => {
    expect(decodeCursor(Buffer.alloc(32, 8), binding, encodeCursor(key, binding, position))).toBeUndefined();
  });

  it('does not open when any bit of it was changed', () => {
    const bytes = Buffer.from(encodeCursor(key, binding, position), 'base64url');
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decodeCursor(key, binding, changed.toString('base64url'))).toBeUndefined();
    }
  });

  it.each([
    ['nothing', ''],
    ['a text that is no base64url', 'not a cursor'],
    ['padding', `${encodeCursor(key, binding, position)}=`],
    ['base64 letters', '++++////'],
    ['a blank', `${encodeCursor(key, binding, position)} `],
    ['a MAC alone', Buffer.alloc(16).toString('base64url')],
    ['less than a MAC', 'AAAA'],
    ['something huge', 'A'.repeat(100_000)],
    ['an unsigned position', Buffer.from(JSON.stringify(['2026', 'x'])).toString('base64url')],
  ])('refuses %s', (_, cursor) => {
    expect(decodeCursor(key, binding, cursor)).toBeUndefined();
  });

  it('refuses a second way to write the same bytes', () => {
    // Four characters carry three bytes: the last character of a shorter group has bits that mean nothing.
    const cursor = encodeCursor(key, binding, { at: 'a', id: 'b' });
    const letters = Array.from({ length: 64 }, (_, value) =>
      Buffer.from([0, 0, value]).toString('base64url').slice(-1),
    );
    const aliases = letters
      .map((letter) => cursor.slice(0, -1) + letter)
      .filter((alias) => Buffer.from(alias, 'base64url').equals(Buffer.from(cursor, 'base64url')));
    expect(aliases.filter((alias) => decodeCursor(key, binding, alias) !== undefined)).toEqual([cursor]);
  });
});
