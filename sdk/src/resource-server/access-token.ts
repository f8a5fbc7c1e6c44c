import { type CryptoKey, errors, jwtVerify, type JWTPayload } from 'jose';
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
  if (error instanceof errors.JWTExpired) return invalidToken('the token has expired', error);
  if (error instanceof errors.JWTClaimValidationFailed) return invalidToken(wordsFor(error), error);
  return error instanceof errors.JOSEError ? invalidToken('the token is not valid', error) : error;
}

const wrong: Readonly<Record<string, string>> = {
  typ: 'the token is no access token: its typ is not at+jwt',
  iss: 'the token is of another issuer',
  aud: 'the token is not meant for this API',
  nbf: 'the token is not good yet',
};

/** Never with words of the token: they become a header. */
function wordsFor({ claim, reason }: errors.JWTClaimValidationFailed): string {
  if (reason === 'missing') return `the token has no ${claim}`;
  return wrong[claim] ?? malformed(claim);
}

function malformed(claim: string): string {
  return `the ${claim} of the token is malformed`;
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
    throw invalidToken(malformed('client_id'));
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
