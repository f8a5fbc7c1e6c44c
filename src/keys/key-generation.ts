import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { SigningAlg } from './signing-key.js';

const generate = promisify(generateKeyPair);

/** A fresh key pair, made off the event loop: RSA of 2048 bits with exponent 65537 for RS256, EC on P-256 for ES256. */
export function generateSigningKeyPair(alg: SigningAlg): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> {
  return alg === 'RS256'
    ? generate('rsa', { modulusLength: 2048, publicExponent: 65_537 })
    : generate('ec', { namedCurve: 'P-256' });
}
