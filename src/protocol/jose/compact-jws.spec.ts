import { isCompactJws } from './compact-jws.js';

describe('RFC 7515 §7.1 compact serialization', () => {
  it.each(['a.b.ccccc-_w', 'eyJhbGciOiJSUzI1NiJ9.e30.c2ln', '-_.-_.-_8', `a.b.${'c'.repeat(16_380)}`])(
    'takes %.30s',
    (value) => {
      expect(isCompactJws(value)).toBe(true);
    },
  );

  it.each([
    ['nothing', ''],
    ['two parts', 'a.b'],
    ['four parts', 'a.b.c.d'],
    ['five parts (a JWE)', 'a.b.c.d.e'],
    ['no signature', 'a.b.'],
    ['no header', '.b.c'],
    ['no payload', 'a..c'],
    ['plain base64', 'a+b.c/d.e='],
    ['padding', 'YQ==.b.c'],
    ['a blank', 'a.b.c '],
    ['a line break at the end', 'a.b.c\n'],
    ['non-ASCII', 'ä.b.c'],
    ['JSON serialization', '{"payload":"e30"}'],
    ['K-09: a signature with stray bits', 'eyJhbGciOiJSUzI1NiJ9.e30.c2lnbh'],
    ['more than 16 KiB', `a.b.${'c'.repeat(16_381)}`],
    ['L-07: dots only', '.'.repeat(16_384)],
    ['L-07: no dot at all', 'a'.repeat(16_384)],
  ])('D9: refuses %s', (_, value) => {
    expect(isCompactJws(value)).toBe(false);
  });
});
