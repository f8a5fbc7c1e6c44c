import type { KeyObject } from 'node:crypto';
import { calculateJwkThumbprint } from 'jose';
import type { SigningAlg } from './signing-key.js';

/** A public key as the JWKS shows it (RFC 7517 §4, RFC 7518 §6): these members and no other. */
export type PublicJwk =
  | { kty: 'RSA'; n: string; e: string; use: 'sig'; alg: 'RS256'; kid: string }
  | { kty: 'EC'; crv: 'P-256'; x: string; y: string; use: 'sig'; alg: 'ES256'; kid: string };

/**
 * The JWK of a public key. Its `kid` is the RFC 7638 thumbprint.
 *
 * @throws TypeError when the key is not one of `alg`: RSA of 2048 bits or more, or EC on P-256
 */
export async function publicJwk(publicKey: KeyObject, alg: SigningAlg): Promise<PublicJwk> {
  if (publicKey.type !== 'public') throw new TypeError('not a public key');
  const { kty, n, e, crv, x, y } = publicKey.export({ format: 'jwk' });
  const strong = (publicKey.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048;
  if (alg === 'RS256' && kty === 'RSA' && n !== undefined && e !== undefined && strong) {
    return { kty, n, e, use: 'sig', alg, kid: await calculateJwkThumbprint({ kty, n, e }, 'sha256') };
  }
  if (alg === 'ES256' && kty === 'EC' && crv === 'P-256' && x !== undefined && y !== undefined) {
    return { kty, crv, x, y, use: 'sig', alg, kid: await calculateJwkThumbprint({ kty, crv, x, y }, 'sha256') };
  }
  throw new TypeError(`not a key for ${alg}`);
}
