import { isSignedBy, type PublicKey, type PublicKeyAlgorithm, readPublicKey } from '../jose/public-key.js';
import type { ClientAssertion } from './client-assertion.js';

/** A public key of a client, ready to verify with, and what it may verify (RFC 8725bis §3.1). */
export interface ClientAssertionKey {
  readonly keyId: string | undefined;
  readonly algorithms: readonly PublicKeyAlgorithm[];
  readonly key: PublicKey['key'];
}

/**
 * Makes a JWK (RFC 7517) usable for client assertions. The type of the key decides what it verifies, and its `alg` narrows that;
 * the header of an assertion never widens it.
 *
 * @returns `undefined` for a key that is none for signatures, of another type, too weak, or private
 */
export function readClientAssertionKey(jwk: Readonly<Record<string, unknown>>): ClientAssertionKey | undefined {
  const { alg, use, kid, key_ops: operations } = jwk;
  if (use !== undefined && use !== 'sig') return undefined;
  if (Array.isArray(operations) && !operations.includes('verify')) return undefined;
  const publicKey = readPublicKey(jwk);
  if (publicKey === undefined) return undefined;
  const algorithms = publicKey.algorithms.filter((one) => alg === undefined || sameAlgorithm(one, alg));
  if (algorithms.length === 0) return undefined;
  return { keyId: typeof kid === 'string' ? kid : undefined, algorithms, key: publicKey.key };
}

/**
 * Whether one of the keys made the signature: those that the assertion's `kid` names, or, where it names none, any that could
 * have (RFC 7515 §4.1.4).
 */
export function isSignedByAny(assertion: ClientAssertion, keys: readonly ClientAssertionKey[]): boolean {
  const { keyId, algorithm, signingInput, signature } = assertion;
  return keys.some(
    (key) =>
      (keyId === undefined || key.keyId === keyId) &&
      key.algorithms.includes(algorithm) &&
      isSignedBy(key.key, algorithm, signingInput, signature),
  );
}

/** RFC 9864 §2.2: one algorithm under its old name and its own. */
function sameAlgorithm(one: PublicKeyAlgorithm, other: unknown): boolean {
  return one === other || (one === 'EdDSA' && other === 'Ed25519') || (one === 'Ed25519' && other === 'EdDSA');
}
