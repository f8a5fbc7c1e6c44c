import { hash } from 'node:crypto';
import { type DecodedJws, decodeJws } from '../jose/decoded-jws.js';
import {
  isSignedBy,
  type PublicKey,
  publicKeyAlgorithms,
  type PublicKeyAlgorithm,
  readPublicKey,
} from '../jose/public-key.js';
import { invalidDpopProof, useDpopNonce } from './error.js';
import { normalizedHttpUri } from './http-uri.js';

/** The `typ` of a proof's header (RFC 9449 §4.2). */
const proofType = 'dpop+jwt';

/** The algorithms that proofs may be signed with (RFC 9449 §5.1 `dpop_signing_alg_values_supported`, §7.1 `algs`). */
export const dpopSigningAlgorithms: readonly PublicKeyAlgorithm[] = publicKeyAlgorithms;

/** Seconds by which the time of a proof may differ from ours, either way (security.md D4). */
const windowSeconds = 60;

const maxIdentifierLength = 256;

/** What a proof must fit. */
export interface DpopExpectation {
  /** Method of the request. */
  readonly method: string;
  /** Absolute URI of the request; a query does not count. */
  readonly uri: string;
  /** The access token that comes with the proof, if there is one. */
  readonly accessToken?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly nonce: {
    readonly required: boolean;
    /** The one to send now. */
    readonly current: string;
    accepts(nonce: string): boolean;
  };
}

/** A proof that is valid but for one thing: that it was never used before. */
export interface CheckedDpopProof {
  /** RFC 7638 SHA-256 thumbprint of the key, base64url: what `cnf.jkt` of a bound token says. */
  readonly jkt: string;
  readonly jti: string;
  /** From when on it is too old whatever it says, seconds since the epoch. */
  readonly expiresAt: number;
}

interface Proof extends Omit<DecodedJws, 'header'> {
  readonly algorithm: PublicKeyAlgorithm;
  readonly publicKey: PublicKey;
}

/**
 * Checks a DPoP proof in every point of RFC 9449 §4.3, the cheap ones first. That it is used only once is for the caller to see
 * to (§11.1), and so is that a bound access token is bound to this key (§4.3 item 12 b).
 *
 * @param header value of the `DPoP` header field; more than one of them arrive joined by a comma, or as a list
 * @throws OAuthError `invalid_dpop_proof`, or `use_dpop_nonce` for one that is right but for its nonce
 */
export function checkDpopProof(
  header: string | readonly string[] | undefined,
  expectation: DpopExpectation,
): CheckedDpopProof {
  if (header === undefined) throw invalidDpopProof('dpop_proof_missing', 'a DPoP proof is needed');
  if (typeof header !== 'string') throw invalidDpopProof('dpop_proof_repeated', 'there must be one DPoP header field');
  const proof = readProof(header);
  const checked = checkClaims(proof, expectation);
  if (!isSignedBy(proof.publicKey.key, proof.algorithm, proof.signingInput, proof.signature)) {
    throw invalidDpopProof('dpop_signature', 'the signature of the DPoP proof is not that of its key');
  }
  checkNonce(proof.claims['nonce'], expectation.nonce);
  return checked;
}

/** RFC 9449 §4.3 items 1, 2, 4, 5 and 7. */
function readProof(text: string): Proof {
  const decoded = decodeJws(text);
  if (decoded === undefined) throw invalidDpopProof('dpop_malformed', 'the DPoP header is not one well-formed JWT');
  const { header, ...rest } = decoded;
  const { typ, alg, jwk } = header;
  if (typ !== proofType) throw invalidDpopProof('dpop_type', `typ of the DPoP proof is not ${proofType}`);
  // RFC 7515 §4.1.11, RFC 7797 §3: nothing that changes what is signed is supported.
  if (Object.hasOwn(header, 'crit') || Object.hasOwn(header, 'b64')) {
    throw invalidDpopProof('dpop_header', 'the header of the DPoP proof asks for something that is not supported');
  }
  const algorithm = dpopSigningAlgorithms.find((one) => one === alg);
  if (algorithm === undefined) throw invalidDpopProof('dpop_algorithm', 'alg of the DPoP proof is not supported');
  const publicKey = isObject(jwk) ? readPublicKey(jwk) : undefined;
  if (publicKey === undefined || !publicKey.algorithms.includes(algorithm)) {
    throw invalidDpopProof('dpop_key', 'jwk of the DPoP proof is not a public key for its alg');
  }
  return { algorithm, publicKey, ...rest };
}

/** RFC 9449 §4.3 items 3, 8, 9, 11 and 12 a. */
function checkClaims({ claims, publicKey }: Proof, expectation: DpopExpectation): CheckedDpopProof {
  const { jti, htm, htu, iat, exp, nbf } = claims;
  if (typeof jti !== 'string' || jti === '' || jti.length > maxIdentifierLength) {
    throw invalidDpopProof('dpop_identifier', 'jti of the DPoP proof is not a text of 1 to 256 characters');
  }
  if (htm !== expectation.method) throw invalidDpopProof('dpop_method', 'htm of the DPoP proof is not the method');
  const uri = typeof htu === 'string' ? normalizedHttpUri(htu) : undefined;
  if (uri === undefined || uri !== normalizedHttpUri(expectation.uri)) {
    throw invalidDpopProof('dpop_uri', 'htu of the DPoP proof is not the URI of the request');
  }
  const now = expectation.now / 1000;
  const latest = now + windowSeconds;
  if (!Number.isSafeInteger(iat) || Math.abs(now - (iat as number)) > windowSeconds) {
    throw invalidDpopProof('dpop_time', `iat of the DPoP proof is not within ${windowSeconds} seconds`);
  }
  // A proof needs neither; RFC 7519 §4.1.4 and §4.1.5 say what they mean where they are.
  if ((exp !== undefined && !isTime(exp, now, Infinity)) || (nbf !== undefined && !isTime(nbf, 0, latest))) {
    throw invalidDpopProof('dpop_time', 'the DPoP proof is not valid now');
  }
  checkTokenHash(claims['ath'], expectation.accessToken);
  return { jkt: thumbprint(publicKey), jti, expiresAt: (iat as number) + windowSeconds };
}

/** RFC 9449 §4.3 item 12 a, §7. */
function checkTokenHash(ath: unknown, accessToken: string | undefined): void {
  if (accessToken !== undefined && ath !== hash('sha256', accessToken, 'base64url')) {
    throw invalidDpopProof('dpop_token_hash', 'ath of the DPoP proof is not the hash of the access token');
  }
}

/** RFC 9449 §4.3 item 10, §8. */
function checkNonce(nonce: unknown, expectation: DpopExpectation['nonce']): void {
  if (nonce === undefined && !expectation.required) return;
  if (typeof nonce !== 'string' || !expectation.accepts(nonce)) throw useDpopNonce(expectation.current);
}

/** RFC 7638 §3. */
function thumbprint({ members }: PublicKey): string {
  return hash('sha256', JSON.stringify(members), 'base64url');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isTime(value: unknown, after: number, until: number): boolean {
  return typeof value === 'number' && value > after && value <= until;
}
