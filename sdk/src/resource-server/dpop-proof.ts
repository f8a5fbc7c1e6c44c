import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify } from 'jose';
import { sha256 } from '../client/sha256.js';
import { isCanonical } from './canonical.js';
import { proofAlgorithms, TokenError } from './errors.js';
import type { ExpiringMap } from '../client/expiring-map.js';

/** The request that a proof must be of. */
export interface ProvenRequest {
  method: string;
  /** As the client sees it: scheme, host and path. */
  url: string;
}

/** Seconds that a proof is good, before and after now. */
const proofSeconds = 60;

/**
 * Checks a DPoP proof (RFC 9449 §4.3) and uses it up.
 *
 * @param jkt thumbprint of the key that the token is bound to
 * @throws TokenError `invalid_dpop_proof`
 *
 * @internal
 */
export async function checkProof(
  proof: string | undefined,
  request: ProvenRequest,
  token: string,
  jkt: string,
  used: ExpiringMap<true>,
): Promise<void> {
  if (proof === undefined || proof.length > 8192) throw invalidProof('there is no proof of possession');
  if (!isCanonical(proof)) throw invalidProof('the proof is malformed');
  const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
    typ: 'dpop+jwt',
    algorithms: proofAlgorithms,
    requiredClaims: ['jti', 'htm', 'htu', 'iat', 'ath'],
  }).catch((error: unknown) => {
    throw invalidProof('the proof is not valid', error);
  });
  const { iat = 0, jti = '' } = payload;
  const isOfRequest = payload['htm'] === request.method && sameTarget(payload['htu'], request.url);
  const isOfToken = payload['ath'] === sha256(token);
  const isRecent = Math.abs(Date.now() / 1000 - iat) <= proofSeconds;
  if (!isOfRequest || !isOfToken || !isRecent) throw invalidProof('the proof is not of this request');
  if (protectedHeader.jwk === undefined || (await calculateJwkThumbprint(protectedHeader.jwk)) !== jkt) {
    throw invalidProof('the proof is of another key');
  }
  const key = sha256(`${jkt} ${jti}`);
  if (used.get(key) === true) throw invalidProof('the proof was used before');
  used.set(key, true, 2 * proofSeconds * 1000);
}

/** RFC 9449 §4.3 (9): without query and fragment, after normalisation. */
function sameTarget(htu: unknown, url: string): boolean {
  if (typeof htu !== 'string' || !URL.canParse(htu) || !URL.canParse(url)) return false;
  const [proven, asked] = [new URL(htu), new URL(url)];
  return proven.origin === asked.origin && proven.pathname === asked.pathname;
}

function invalidProof(message: string, cause?: unknown): TokenError {
  return new TokenError('invalid_dpop_proof', message, { cause });
}
