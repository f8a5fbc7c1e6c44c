import { inspect } from 'node:util';
import { DecryptionFailed, EnvKeyWrapper, openEnvelope, type Place, sealEnvelope } from './index.js';
import { associatedData } from './envelope.js';

const wrapper = new EnvKeyWrapper(Buffer.alloc(32, 1));
const place: Place = { table: 'signing_keys', id: 'kid-1', alg: 'RS256', purpose: 'token-signing' };
const text = Buffer.from('a private key');

describe('an envelope', () => {
  it('opens at the place that it was sealed for', async () => {
    const envelope = await sealEnvelope(wrapper, text, place);
    expect(envelope).toMatchObject({ version: 1, kekId: wrapper.kekId });
    expect(Buffer.concat([envelope.ciphertext, envelope.wrappedDek]).includes(text)).toBe(false);
    await expect(openEnvelope(wrapper, envelope, place)).resolves.toEqual(text);
  });

  it('is sealed under a data key and a nonce of its own', async () => {
    const [one, two] = await Promise.all([sealEnvelope(wrapper, text, place), sealEnvelope(wrapper, text, place)]);
    expect(one.ciphertext.equals(two.ciphertext)).toBe(false);
    expect(one.wrappedDek.equals(two.wrappedDek)).toBe(false);
    expect(one.ciphertext.subarray(0, 12).equals(two.ciphertext.subarray(0, 12))).toBe(false);
    await expect(openEnvelope(wrapper, { ...one, wrappedDek: two.wrappedDek }, place)).rejects.toThrow(
      DecryptionFailed,
    );
  });

  it.each(['table', 'id', 'alg', 'purpose'] as const)('does not open at a place with another %s', async (member) => {
    const envelope = await sealEnvelope(wrapper, text, place);
    await expect(openEnvelope(wrapper, envelope, { ...place, [member]: 'other' })).rejects.toThrow(DecryptionFailed);
  });

  it.each(['ciphertext', 'wrappedDek'] as const)(
    'does not open with any bit of its %s flipped, or cut',
    async (member) => {
      const envelope = await sealEnvelope(wrapper, text, place);
      for (let bit = 0; bit < envelope[member].length * 8; bit += 1) {
        const bytes = Buffer.from(envelope[member]);
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        await expect(openEnvelope(wrapper, { ...envelope, [member]: bytes }, place)).rejects.toThrow(DecryptionFailed);
      }
      for (const length of [0, 1, 12, 27, envelope[member].length - 1]) {
        const bytes = envelope[member].subarray(0, length);
        await expect(openEnvelope(wrapper, { ...envelope, [member]: bytes }, place)).rejects.toThrow(DecryptionFailed);
      }
    },
  );

  it('does not open with another key-encryption key, under its own name or the right one', async () => {
    const envelope = await sealEnvelope(wrapper, text, place);
    const other = new EnvKeyWrapper(Buffer.alloc(32, 2));
    await expect(openEnvelope(other, envelope, place)).rejects.toThrow(DecryptionFailed);
    await expect(openEnvelope(other, { ...envelope, kekId: other.kekId }, place)).rejects.toThrow(DecryptionFailed);
  });

  it('does not open in a version that this server does not know', async () => {
    const envelope = await sealEnvelope(wrapper, text, place);
    await expect(openEnvelope(wrapper, { ...envelope, version: 2 }, place)).rejects.toThrow(DecryptionFailed);
  });

  it('binds v1|table|id|alg|purpose, and takes no part that holds the separator', () => {
    expect(associatedData(place).toString()).toBe('v1|signing_keys|kid-1|RS256|token-signing');
    expect(() => associatedData({ ...place, id: 'kid|1' })).toThrow(RangeError);
  });
});

describe('EnvKeyWrapper', () => {
  it('names its key the same everywhere and another key otherwise, and does not tell the key', () => {
    expect(wrapper.kekId).toMatch(/^[0-9a-f]{16}$/);
    expect(new EnvKeyWrapper(Buffer.alloc(32, 1)).kekId).toBe(wrapper.kekId);
    expect(new EnvKeyWrapper(Buffer.alloc(32, 2)).kekId).not.toBe(wrapper.kekId);
  });

  it.each([0, 16, 31, 33])('takes no key of %i bytes', (length) => {
    expect(() => new EnvKeyWrapper(Buffer.alloc(length))).toThrow(RangeError);
  });

  it('does not print its key', () => {
    const kek = Buffer.from('0123456789abcdef0123456789abcdef');
    const printed =
      inspect(new EnvKeyWrapper(kek), { showHidden: true, depth: 10 }) + JSON.stringify(new EnvKeyWrapper(kek));
    expect(printed).not.toContain(kek.toString('hex').slice(0, 8));
    expect(printed).not.toContain('0123456789abcdef0123');
    expect(printed).not.toContain('30 31 32');
  });
});
