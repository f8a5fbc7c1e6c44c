import { crc32 } from './crc32.js';

describe('CRC-32 (ISO-HDLC)', () => {
  it.each([
    ['', 0],
    ['123456789', 0xcbf43926],
    ['The quick brown fox jumps over the lazy dog', 0x414fa339],
  ])('of %j', (text, expected) => {
    expect(crc32(text)).toBe(expected);
  });

  it('can stop early', () => {
    expect(crc32('123456789abc', 9)).toBe(0xcbf43926);
  });
});
