import { encodeBase62, encodeBase62Word, isBase62 } from './base62.js';

function decode(text: string): bigint {
  const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  return Array.from(text).reduce((value, one) => value * 62n + BigInt(alphabet.indexOf(one)), 0n);
}

describe('D1 base62', () => {
  it.each<[number[], number, string]>([
    [[], 0, ''],
    [[0], 3, '000'],
    [[61], 1, 'z'],
    [[62], 2, '10'],
    [[1, 0], 2, '48'],
    [Array.from({ length: 32 }, () => 0), 43, '0'.repeat(43)],
  ])('writes %j in %i characters', (bytes, width, expected) => {
    expect(encodeBase62(Uint8Array.from(bytes), width)).toBe(expected);
  });

  it('writes the largest 256-bit number in 43 characters and loses nothing', () => {
    const text = encodeBase62(new Uint8Array(32).fill(0xff), 43);
    expect(text).toHaveLength(43);
    expect(decode(text)).toBe(2n ** 256n - 1n);
  });

  it('refuses a number that does not fit', () => {
    expect(() => encodeBase62(Uint8Array.from([62]), 1)).toThrow(RangeError);
  });

  it.each([0, 1, 61, 62, 0x7fffffff, 0x80000000, 0xffffffff])('writes the word %i in 6 characters', (word) => {
    expect(encodeBase62Word(word)).toHaveLength(6);
    expect(decode(encodeBase62Word(word))).toBe(BigInt(word));
  });

  it.each([
    ['', true],
    ['09AZaz', true],
    ['a_b', false],
    ['a-b', false],
    ['a b', false],
    ['é', false],
    ['a\0', false],
  ])('isBase62(%j) is %s', (text, expected) => {
    expect(isBase62(text)).toBe(expected);
  });
});
