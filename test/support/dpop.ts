import {
  createHash,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  randomUUID,
  sign,
  constants,
} from 'node:crypto';

/** Algorithms that the tests make proofs with. */
export type ProofAlgorithm = 'ES256' | 'RS256' | 'PS256' | 'EdDSA' | 'Ed25519';

/** A key of a client that proves its possession (RFC 9449). */
export interface ProofKey {
  readonly algorithm: ProofAlgorithm;
  readonly privateKey: KeyObject;
  readonly jwk: JsonWebKey;
  /** RFC 7638 thumbprint. */
  readonly jkt: string;
}

/** What a proof says beside or instead of the usual; a member that is `undefined` is left out. */
export interface ProofMembers {
  readonly header?: Record<string, unknown>;
  readonly claims?: Record<string, unknown>;
}

function keyPair(algorithm: ProofAlgorithm) {
  if (algorithm === 'ES256') return generateKeyPairSync('ec', { namedCurve: 'P-256' });
  if (algorithm === 'EdDSA' || algorithm === 'Ed25519') return generateKeyPairSync('ed25519');
  return generateKeyPairSync('rsa', { modulusLength: 2048 });
}

/** A new key. */
export function proofKey(algorithm: ProofAlgorithm = 'ES256'): ProofKey {
  const { publicKey, privateKey } = keyPair(algorithm);
  const jwk = publicKey.export({ format: 'jwk' });
  const { crv, e, kty, n, x, y } = jwk;
  const canonical = JSON.stringify({ crv, e, kty, n, x, y });
  return { algorithm, privateKey, jwk, jkt: createHash('sha256').update(canonical).digest('base64url') };
}

/** base64url of a text, or of the JSON of anything else. */
export function jwsPart(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
}

/** Signs two parts of a JWS as `algorithm` says. */
export function signParts(
  input: string,
  { privateKey, algorithm }: Pick<ProofKey, 'privateKey' | 'algorithm'>,
): string {
  const key = {
    key: privateKey,
    ...(algorithm === 'ES256' ? { dsaEncoding: 'ieee-p1363' as const } : {}),
    ...(algorithm === 'PS256' ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } : {}),
  };
  const digest = algorithm === 'EdDSA' || algorithm === 'Ed25519' ? null : 'sha256';
  return `${input}.${sign(digest, Buffer.from(input), key).toString('base64url')}`;
}

/** `ath` of a proof: the hash of the access token that it comes with (RFC 9449 §4.2). */
export function tokenHash(accessToken: string): string {
  return createHash('sha256').update(accessToken).digest('base64url');
}

/**
 * A DPoP proof for a request (RFC 9449 §4.2), new each time.
 *
 * @param uri absolute
 */
export function dpopProof(key: ProofKey, method: string, uri: string, members: ProofMembers = {}): string {
  const header = { typ: 'dpop+jwt', alg: key.algorithm, jwk: key.jwk, ...members.header };
  const times = { iat: Math.floor(Date.now() / 1000) };
  const claims = { jti: randomUUID(), htm: method, htu: uri, ...times, ...members.claims };
  return signParts(`${jwsPart(header)}.${jwsPart(claims)}`, key);
}
