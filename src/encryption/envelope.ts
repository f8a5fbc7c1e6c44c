import { randomBytes } from 'node:crypto';
import { open, seal } from './aes-gcm.js';
import { DecryptionFailed } from './decryption-failed.js';
import type { KeyWrapper } from './key-wrapper.js';

const currentVersion = 1;

/** The place that a ciphertext belongs to; moved to another one it does not open. No member may hold a `|`. */
export interface Place {
  readonly table: string;
  /** Identifier of the row, such as a `kid`. */
  readonly id: string;
  /** Algorithm of the key that is encrypted. */
  readonly alg: string;
  readonly purpose: string;
}

/** A secret at rest: encrypted under a data key of its own, and that key wrapped by the {@link KeyWrapper}. */
export interface Envelope {
  readonly version: number;
  readonly kekId: string;
  readonly wrappedDek: Buffer;
  readonly ciphertext: Buffer;
}

/** The associated data of a place: `v1|table|id|alg|purpose`. */
export function associatedData({ table, id, alg, purpose }: Place): Buffer {
  const parts = [`v${currentVersion}`, table, id, alg, purpose];
  if (parts.some((part) => part.includes('|'))) throw new RangeError('a place must not hold the separator');
  return Buffer.from(parts.join('|'));
}

/** Encrypts `plaintext` for `place` under a random 32-byte data key that serves nothing else. */
export async function sealEnvelope(wrapper: KeyWrapper, plaintext: Buffer, place: Place): Promise<Envelope> {
  const dek = randomBytes(32);
  try {
    return {
      version: currentVersion,
      kekId: wrapper.kekId,
      wrappedDek: await wrapper.wrap(dek, dekData(place)),
      ciphertext: seal(dek, plaintext, associatedData(place)),
    };
  } finally {
    dek.fill(0);
  }
}

/**
 * Opens what {@link sealEnvelope} made for the same place. The caller overwrites the plaintext when done.
 *
 * @throws DecryptionFailed for another key, another place, an unknown version or altered bytes
 */
export async function openEnvelope(wrapper: KeyWrapper, envelope: Envelope, place: Place): Promise<Buffer> {
  if (envelope.version !== currentVersion || envelope.kekId !== wrapper.kekId) throw new DecryptionFailed();
  const dek = await wrapper.unwrap(envelope.wrappedDek, dekData(place));
  try {
    if (dek.length !== 32) throw new DecryptionFailed();
    return open(dek, envelope.ciphertext, associatedData(place));
  } finally {
    dek.fill(0);
  }
}

/**
 * Wraps the data key of an envelope by another key-encryption key; the ciphertext stays as it is.
 *
 * @throws DecryptionFailed as {@link openEnvelope}
 */
export async function rewrapEnvelope(
  from: KeyWrapper,
  to: KeyWrapper,
  { version, kekId, wrappedDek }: Envelope,
  place: Place,
): Promise<Pick<Envelope, 'kekId' | 'wrappedDek'>> {
  if (version !== currentVersion || kekId !== from.kekId) throw new DecryptionFailed();
  const dek = await from.unwrap(wrappedDek, dekData(place));
  try {
    return { kekId: to.kekId, wrappedDek: await to.wrap(dek, dekData(place)) };
  } finally {
    dek.fill(0);
  }
}

function dekData(place: Place): Buffer {
  return associatedData({ ...place, purpose: `${place.purpose}.dek` });
}
