import { formatSecret, formatSecretId, parseSecret } from './generated-secret.js';

const random32 = Uint8Array.from({ length: 32 }, (_, index) => index * 7);
const secret = formatSecret('signet_cs', 'Ab12Cd34', random32);

function flipCase(text: string, at: number): string {
  const one = text.charAt(at);
  const other = one === one.toLowerCase() ? one.toUpperCase() : one.toLowerCase();
  return text.slice(0, at) + other + text.slice(at + 1);
}

describe('D1 generated secrets', () => {
  it('has prefix, id, 256 bits in 43 characters and a checksum of 6', () => {
    expect(secret).toMatch(/^signet_cs_Ab12Cd34_[0-9A-Za-z]{43}[0-9A-Za-z]{6}$/);
    expect(secret).toHaveLength(68);
  });

  it.each([
    ['all zeros', new Uint8Array(32)],
    ['all ones', new Uint8Array(32).fill(0xff)],
    ['some', random32],
  ])('has a fixed width with %s', (_, random) => {
    const made = formatSecret('signet_rt', '00000000', random);
    expect(made).toHaveLength(68);
    expect(parseSecret(made)).toEqual({ kind: 'signet_rt', secretId: '00000000' });
  });

  it('reads kind and id back', () => {
    expect(parseSecret(secret)).toEqual({ kind: 'signet_cs', secretId: 'Ab12Cd34' });
  });

  it.each([
    ['minus the last character', secret.slice(0, -1)],
    ['plus a space', `${secret} `],
    ['plus NUL', `${secret}\0`],
    ['another random part', `${secret.slice(0, 30)}${secret.charAt(30) === 'x' ? 'y' : 'x'}${secret.slice(31)}`],
    ['another id', secret.replace('Ab12Cd34', 'Ab12Cd35')],
    ['another kind', secret.replace('_cs_', '_rt_')],
    ['an unknown kind', secret.replace('_cs_', '_xx_')],
    ['an upper-case prefix', secret.replace('signet', 'SIGNET')],
    ['another separator', secret.replace('_Ab', '-Ab')],
    ['nothing', ''],
    ['a text of the right length', 'x'.repeat(68)],
    ['an operator-chosen secret', 'correct horse battery staple correct horse'],
    ['10 MB', 'x'.repeat(10_000_000)],
  ])('A-07: refuses %s', (_, value) => {
    expect(parseSecret(value)).toBeNull();
  });

  it('A-07: refuses a flipped case anywhere', () => {
    for (let at = 0; at < secret.length; at++) {
      const flipped = flipCase(secret, at);
      if (flipped !== secret) expect(parseSecret(flipped)).toBeNull();
    }
  });

  it.each([
    ['short', random32],
    ['too_long9', random32],
    ['Ab12Cd3_', random32],
    ['Ab12Cd34', new Uint8Array(31)],
    ['Ab12Cd34', new Uint8Array(33)],
  ])('refuses to make one with id %s from these bytes', (id, random) => {
    expect(() => formatSecret('signet_cs', id, random)).toThrow(RangeError);
  });

  it.each([
    [new Uint8Array(8), '00000000'],
    [Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 62]), '00000010'],
    [Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 61, 9, 9]), '0000000z'],
    [new Uint8Array(64).subarray(3, 20), '00000000'],
  ])('makes an id of 8 characters from %j', (random, expected) => {
    expect(formatSecretId(random)).toBe(expected);
  });

  it('refuses to make an id from 7 bytes', () => {
    expect(() => formatSecretId(new Uint8Array(7))).toThrow(RangeError);
    expect(formatSecretId(new Uint8Array(8).fill(0xff))).toMatch(/^[0-9A-Za-z]{8}$/);
  });
});
