import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';
import { DecryptionFailed } from './decryption-failed.js';

const nonceLength = 12;
const tagLength = 16;

/**
 * Encrypts with AES-256-GCM under a fresh random 96-bit nonce (NIST SP 800-38D §8.2.2).
 *
 * @param key 32 bytes
 * @param associatedData authenticated with the text and needed again to open it
 * @returns nonce, ciphertext and tag in one
 */
export function seal(key: KeyObject | Buffer, plaintext: Buffer, associatedData: Buffer): Buffer {
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagLength });
  cipher.setAAD(associatedData);
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/**
 * Opens what {@link seal} made with the same key and associated data.
 *
 * @throws DecryptionFailed for anything else
 */
export function open(key: KeyObject | Buffer, sealed: Buffer, associatedData: Buffer): Buffer {
  if (sealed.length < nonceLength + tagLength) throw new DecryptionFailed();
  const tagAt = sealed.length - tagLength;
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, nonceLength), { authTagLength: tagLength });
  decipher.setAAD(associatedData);
  decipher.setAuthTag(sealed.subarray(tagAt));
  const text = decipher.update(sealed.subarray(nonceLength, tagAt));
  try {
    return Buffer.concat([text, decipher.final()]);
  } catch {
    throw new DecryptionFailed();
  } finally {
    text.fill(0);
  }
}
