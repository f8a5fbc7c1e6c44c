import {
  constants,
  createPublicKey,
  type JsonWebKey,
  type KeyObject,
  verify,
  type VerifyKeyObjectInput,
} from 'node:crypto';

/** The asymmetric signature algorithms that others may sign with (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2). */
export const publicKeyAlgorithms = ['ES256', 'RS256', 'PS256', 'EdDSA', 'Ed25519'] as const;

/** One of {@link publicKeyAlgorithms}. */
export type PublicKeyAlgorithm = (typeof publicKeyAlgorithms)[number];

/** A public key, and what it verifies: its type decides that, never the header of what it is asked to verify. */
export interface PublicKey {
  readonly algorithms: readonly PublicKeyAlgorithm[];
  readonly key: KeyObject;
  /** The members that make the key, in the order and spelling that its thumbprint is of (RFC 7638 §3.2). */
  readonly members: Readonly<Record<string, string>>;
}

const rsaBits = { min: 2048, max: 8192 };
/** An exponent of 1 would make every padded hash its own signature; a long one would cost us much to verify. */
const usualExponents: ReadonlySet<bigint> = new Set([3n, 17n, 65_537n]);
const ecdsaSignatureLength = 64;

/** Members that only a private or a symmetric key has (RFC 7518 §6). */
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/** The members that make a key of each type (RFC 7638 §3.2, RFC 8037 §2), and what it verifies. */
const types: Readonly<Record<string, { members: readonly string[]; algorithms: readonly PublicKeyAlgorithm[] }>> = {
  EC: { members: ['crv', 'kty', 'x', 'y'], algorithms: ['ES256'] },
  RSA: { members: ['e', 'kty', 'n'], algorithms: ['RS256', 'PS256'] },
  OKP: { members: ['crv', 'kty', 'x'], algorithms: ['EdDSA', 'Ed25519'] },
};

/**
 * Reads a public key that somebody brings along as a JWK (RFC 7517). What else the JWK says is not looked at.
 *
 * @returns `undefined` for one that holds a private member, is of another type or curve, too weak, or not spelled canonically
 */
export function readPublicKey(jwk: Readonly<Record<string, unknown>>): PublicKey | undefined {
  if (privateMembers.some((name) => Object.hasOwn(jwk, name))) return undefined;
  const type = typeof jwk['kty'] === 'string' && Object.hasOwn(types, jwk['kty']) ? types[jwk['kty']] : undefined;
  if (type === undefined) return undefined;
  const members: Record<string, string> = {};
  for (const name of type.members) {
    const value = jwk[name];
    if (typeof value !== 'string') return undefined;
    members[name] = value;
  }
  const key = importKey(members);
  return key === undefined || !isStrong(key) || !isCanonical(key, members)
    ? undefined
    : { algorithms: type.algorithms, key, members };
}

/** Whether `key` made the signature over `input` (RFC 7515 §5.2 step 8). */
export function isSignedBy(
  key: KeyObject,
  algorithm: PublicKeyAlgorithm,
  input: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (algorithm === 'ES256' && signature.length !== ecdsaSignatureLength) return false;
  const digest = algorithm === 'EdDSA' || algorithm === 'Ed25519' ? null : 'sha256';
  return verify(digest, input, { key, ...parameters(algorithm) }, signature);
}

/** RFC 7518 §3.4 and §3.5. */
function parameters(algorithm: PublicKeyAlgorithm): Omit<VerifyKeyObjectInput, 'key'> {
  if (algorithm === 'ES256') return { dsaEncoding: 'ieee-p1363' };
  if (algorithm !== 'PS256') return {};
  return { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
}

/** Node.js also checks that the point is on the curve. */
function importKey(members: JsonWebKey): KeyObject | undefined {
  try {
    return createPublicKey({ key: members, format: 'jwk' });
  } catch {
    return undefined;
  }
}

function isStrong(key: KeyObject): boolean {
  const { modulusLength = 0, publicExponent = 0n, namedCurve } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return modulusLength >= rsaBits.min && modulusLength <= rsaBits.max && usualExponents.has(publicExponent);
    case 'ec':
      return namedCurve === 'prime256v1';
    default:
      return key.asymmetricKeyType === 'ed25519';
  }
}

/** Two spellings of one key would have two thumbprints. */
function isCanonical(key: KeyObject, members: Readonly<Record<string, string>>): boolean {
  const exported: JsonWebKey = key.export({ format: 'jwk' });
  return Object.entries(members).every(([name, value]) => exported[name] === value);
}
