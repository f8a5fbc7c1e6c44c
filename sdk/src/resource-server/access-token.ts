import { type CryptoKey, jwtVerify, type JWTPayload } from 'jose';
import { invalidToken } from './errors.js';
import type { KeySource } from './key-source.js';

/** A token that was verified: what may be believed of its bearer. */
export interface VerifiedToken {
  readonly clientId: string;
  readonly subject: string;
  readonly scope: readonly string[];
  readonly jti: string;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
  readonly kid: string;
  readonly claims: Readonly<JWTPayload>;
}

/** What a token must be. @internal */
export interface TokenTerms {
  readonly issuer: string;
  readonly audience: string;
  readonly algorithms: readonly string[];
  /** Seconds that two clocks may differ. */
  readonly clockTolerance: number;
}

/** A token that was verified, and by which key. @internal */
export interface Verification {
  readonly verified: VerifiedToken;
  readonly key: CryptoKey;
  readonly alg: string;
}

const compact = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const maxLength = 16 * 1024;

/**
 * Verifies an access token (RFC 9068 §4) by the keys of its issuer. Nothing in the token chooses how: `alg` is the key's, and
 * `jku`, `jwk` and `x5c` are not looked at.
 *
 * @throws TokenError
 *
 * @internal
 */
export async function verifyAccessToken(token: string, keys: KeySource, terms: TokenTerms): Promise<Verification> {
  if (token.length > maxLength || !compact.test(token)) throw invalidToken('the token is malformed');
  let found: { kid: string; alg: string; key: CryptoKey } | undefined;
  try {
    const { payload } = await jwtVerify(
      token,
      async (header) => {
        const { kid, alg } = header;
        if (typeof kid !== 'string') throw invalidToken('the token names no key');
        const key = await keys.find(kid, alg);
        found = { kid, alg, key };
        return key;
      },
      {
        issuer: terms.issuer,
        audience: terms.audience,
        algorithms: [...terms.algorithms],
        typ: 'at+jwt',
        clockTolerance: terms.clockTolerance,
        requiredClaims: ['exp', 'iat', 'jti', 'sub', 'client_id'],
      },
    );
    if (found === undefined) throw invalidToken('the token names no key');
    return { verified: deepFrozen(verifiedOf(payload, found.kid)), key: found.key, alg: found.alg };
  } catch (error) {
    throw asTokenError(error);
  }
}

function asTokenError(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ERR_JWT_EXPIRED') return invalidToken('the token has expired', error);
  if (code === 'ERR_JWT_CLAIM_VALIDATION_FAILED') return invalidToken('the token is not meant for this API', error);
  return code.startsWith('ERR_J') ? invalidToken('the token is not valid', error) : error;
}

/** It is handed to everybody who shows the same token. */
function deepFrozen<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(deepFrozen);
  return value;
}

function verifiedOf(claims: JWTPayload, kid: string): VerifiedToken {
  const { jti, sub, iat, exp, client_id: clientId, scope } = claims;
  if (
    typeof clientId !== 'string' ||
    jti === undefined ||
    sub === undefined ||
    iat === undefined ||
    exp === undefined
  ) {
    throw invalidToken('the token lacks a claim');
  }
  return {
    clientId,
    subject: sub,
    scope: typeof scope === 'string' && scope !== '' ? scope.split(' ') : [],
    jti,
    issuedAt: new Date(iat * 1000),
    expiresAt: new Date(exp * 1000),
    kid,
    claims,
  };
}
