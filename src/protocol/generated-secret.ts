import { encodeBase62, encodeBase62Word, isBase62 } from './base62.js';
import { crc32 } from './crc32.js';

/** What a generated secret is: of a client (`cs`) or a refresh token (`rt`); its prefix names it to scanners. */
export type SecretKind = 'signet_cs' | 'signet_rt';

/** What can be read off a generated secret without looking anything up. */
export interface ParsedSecret {
  readonly kind: SecretKind;
  readonly secretId: string;
}

const KINDS: readonly SecretKind[] = ['signet_cs', 'signet_rt'];
const ID_LENGTH = 8;
const RANDOM_BYTES = 32;
const RANDOM_LENGTH = 43;
const CRC_LENGTH = 6;
const KIND_LENGTH = 9;
const ID_END = KIND_LENGTH + 1 + ID_LENGTH;
const CRC_START = ID_END + 1 + RANDOM_LENGTH;
const ID_SPACE = 62n ** BigInt(ID_LENGTH);

/**
 * A public `secret_id`: 8 base62 characters (security.md D1). Unique by chance only; the table decides.
 *
 * @param random 8 random bytes, or more
 */
export function formatSecretId(random: Uint8Array): string {
  if (random.length < ID_LENGTH) throw new RangeError('8 random bytes are needed');
  const value = new DataView(random.buffer, random.byteOffset, 8).getBigUint64(0) % ID_SPACE;
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value);
  return encodeBase62(bytes, ID_LENGTH);
}

/**
 * A generated secret (security.md D1): `<kind>_<secret id>_<43 base62 characters of 256 bits><6 of CRC-32>`. The
 * checksum is over all text before it, so scanners and we tell a typo or a foreign string without a look-up.
 *
 * @param random32 exactly 32 random bytes
 * @throws RangeError if id or randomness are of another length: a fault of the caller
 */
export function formatSecret(kind: SecretKind, secretId: string, random32: Uint8Array): string {
  if (secretId.length !== ID_LENGTH || !isBase62(secretId)) throw new RangeError('the secret id is malformed');
  if (random32.length !== RANDOM_BYTES) throw new RangeError('32 random bytes are needed');
  const text = `${kind}_${secretId}_${encodeBase62(random32, RANDOM_LENGTH)}`;
  return text + encodeBase62Word(crc32(text));
}

/** Reads kind and id off a generated secret; `null` if shape or checksum are wrong (security.md D1, A-07). */
export function parseSecret(value: string): ParsedSecret | null {
  if (value.length !== CRC_START + CRC_LENGTH) return null;
  const kind = KINDS.find((one) => value.startsWith(one));
  if (kind === undefined || value.charAt(KIND_LENGTH) !== '_' || value.charAt(ID_END) !== '_') return null;
  const secretId = value.slice(KIND_LENGTH + 1, ID_END);
  if (!isBase62(secretId) || !isBase62(value.slice(ID_END + 1))) return null;
  return encodeBase62Word(crc32(value, CRC_START)) === value.slice(CRC_START) ? { kind, secretId } : null;
}
