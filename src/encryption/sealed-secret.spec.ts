import { DecryptionFailed, DerivedKeys, openSecret, type Place, sealSecret } from './index.js';

const keys = new DerivedKeys(Buffer.alloc(32, 1));
const place: Place = { table: 'subscription_secrets', id: 's/1', alg: 'HS256', purpose: 'signing-secret-v1' };
const text = Buffer.from('a signing key of thirty-two byte');

describe('a sealed secret', () => {
  it('opens at the place that it was sealed for, under a nonce of its own', () => {
    const sealed = sealSecret(keys, text, place);
    expect(sealed.includes(text)).toBe(false);
    expect(openSecret(keys, sealed, place)).toEqual(text);
    expect(sealSecret(keys, text, place).equals(sealed)).toBe(false);
  });

  it.each(['table', 'id', 'alg', 'purpose'] as const)('does not open at a place with another %s', (member) => {
    const sealed = sealSecret(keys, text, place);
    expect(() => openSecret(keys, sealed, { ...place, [member]: 'other' })).toThrow(DecryptionFailed);
  });

  it('does not open under another root key, with a bit flipped, or cut', () => {
    const sealed = sealSecret(keys, text, place);
    expect(() => openSecret(new DerivedKeys(Buffer.alloc(32, 2)), sealed, place)).toThrow(DecryptionFailed);
    for (let at = 0; at < sealed.length; at += 1) {
      const flipped = Buffer.from(sealed);
      flipped[at]! ^= 1;
      expect(() => openSecret(keys, flipped, place)).toThrow(DecryptionFailed);
      expect(() => openSecret(keys, sealed.subarray(0, at), place)).toThrow(DecryptionFailed);
    }
  });
});
