import { timeOfUuidV7, uuidV7 } from './uuid-v7.js';

const zeros = new Uint8Array(10);
const ones = new Uint8Array(10).fill(0xff);

describe('RFC 9562 §5.7 UUID version 7', () => {
  it('writes the example of appendix A.6', () => {
    const random = Uint8Array.from([0xcc, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f]);
    expect(uuidV7(0x017f22e279b0, random)).toBe('017f22e2-79b0-7cc3-98c4-dc0c0c07398f');
  });

  it.each([
    [0, zeros, '00000000-0000-7000-8000-000000000000'],
    [2 ** 48 - 1, ones, 'ffffffff-ffff-7fff-bfff-ffffffffffff'],
  ])('sets version and variant at %i', (time, random, expected) => {
    expect(uuidV7(time, random)).toBe(expected);
    expect(timeOfUuidV7(expected)).toBe(time);
  });

  it('sorts by time', () => {
    const times = [1, 999, 1_800_000_000_000, 1_800_000_000_001];
    const uuids = times.map((time) => uuidV7(time, ones));
    expect(uuids.toSorted()).toEqual(uuids);
    expect(uuids.map(timeOfUuidV7)).toEqual(times);
  });

  it.each([
    [-1, zeros],
    [1.5, zeros],
    [2 ** 48, zeros],
    [Number.NaN, zeros],
    [0, new Uint8Array(9)],
  ])('refuses time %d with these bytes', (time, random) => {
    expect(() => uuidV7(time, random)).toThrow(RangeError);
  });

  it.each([
    '',
    'x',
    '017f22e2-79b0-4cc3-98c4-dc0c0c07398f',
    '017f22e2-79b0-7cc3-c8c4-dc0c0c07398f',
    '017F22E2-79B0-7CC3-98C4-DC0C0C07398F',
    '017f22e279b07cc398c4dc0c0c07398f',
    '017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n',
  ])('finds no time in %j', (uuid) => {
    expect(timeOfUuidV7(uuid)).toBeNull();
  });
});
