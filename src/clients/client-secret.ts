import { createHmac } from 'node:crypto';
import { formatSecret, formatSecretId } from '../protocol/index.js';

/** A secret at the one moment at which it is known, and what is kept of it. */
export interface NewClientSecret {
  readonly secretId: string;
  /** Shown once, stored never. */
  readonly secret: string;
  /** HMAC-SHA-256, 32 bytes. */
  readonly hash: Buffer;
  /** Its last four characters. */
  readonly hint: string;
}

/** What `DerivedKeys` derives the pepper for (security.md D1). */
export const pepperPurpose = 'client-secret-v1';

/** How many random bytes a new secret takes. */
export const secretRandomLength = 40;

/**
 * Makes a secret of 256 random bits (security.md D1).
 *
 * @param pepper 32 bytes, from `DerivedKeys.derive(pepperPurpose)`
 * @param random `secretRandomLength` random bytes
 */
export function generateClientSecret(pepper: Buffer, random: Uint8Array): NewClientSecret {
  const secretId = formatSecretId(random.subarray(0, 8));
  return keepClientSecret(pepper, secretId, formatSecret('signet_cs', secretId, random.subarray(8)));
}

/** What is kept of a secret that an operator chose. */
export function chosenClientSecret(pepper: Buffer, secret: string, random: Uint8Array): NewClientSecret {
  return keepClientSecret(pepper, formatSecretId(random.subarray(0, 8)), secret);
}

function keepClientSecret(pepper: Buffer, secretId: string, secret: string): NewClientSecret {
  return { secretId, secret, hash: hashClientSecret(pepper, secret), hint: secret.slice(-4) };
}

/**
 * The stored form of a secret (security.md D1): keyed, so that a copy of the table alone allows no guess, and fast, since the
 * secret is too long to be guessed anyway.
 *
 * @returns 32 bytes
 */
export function hashClientSecret(pepper: Buffer, secret: string): Buffer {
  return createHmac('sha256', pepper).update(secret).digest();
}
