import { type DerivedKeys, openSecret, type Place, sealSecret } from '../../encryption/index.js';

/** How many random bytes a new signing secret has (Standard Webhooks: 24 to 64). */
export const signingKeyLength = 32;

/** The one form in which a signing secret is shown: `whsec_` and the key in base64 (Standard Webhooks, "Signature scheme"). */
export function formatSigningSecret(key: Buffer): string {
  return `whsec_${key.toString('base64')}`;
}

/** Encrypts a signing key for the row that it is stored in. */
export function sealSigningKey(keys: DerivedKeys, key: Buffer, subscriptionId: string, secretId: string): Buffer {
  return sealSecret(keys, key, placeOf(subscriptionId, secretId));
}

/**
 * Opens the signing key of a row.
 *
 * @throws DecryptionFailed when it was made for another subscription or secret, or was altered
 */
export function openSigningKey(keys: DerivedKeys, sealed: Buffer, subscriptionId: string, secretId: string): Buffer {
  return openSecret(keys, sealed, placeOf(subscriptionId, secretId));
}

function placeOf(subscriptionId: string, secretId: string): Place {
  return {
    table: 'subscription_secrets',
    id: `${subscriptionId}/${secretId}`,
    alg: 'HS256',
    purpose: 'signing-secret-v1',
  };
}
