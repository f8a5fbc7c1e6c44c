import { type CryptoKey, type errors, jwtVerify, type JWTPayload } from 'jose';
import { isCanonical } from './canonical.js';
import { invalidToken, TokenError } from './errors.js';
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
  readonly algorithms: string[];
  /** Seconds that two clocks may differ. */
  readonly clockTolerance: number;
}

/** A token that was verified, and by which key. @internal */
export interface Verification {
  readonly verified: VerifiedToken;
  readonly key: CryptoKey;
  readonly alg: string;
}

const maxLength = 16 * 1024;

/** Seconds; `exp` says when a token ends, but without a bound an `iat` of tomorrow would pass. */
const maxTokenAge = 1e10;

/**
 * Verifies an access token (RFC 9068 §4) by the keys of its issuer. Nothing in the token chooses how: `alg` is the key's, and
 * `jku`, `jwk` and `x5c` are not looked at.
 *
 * @throws TokenError
 *
 * @internal
 */
export async function verifyAccessToken(token: string, keys: KeySource, terms: TokenTerms): Promise<Verification> {
  if (token.length > maxLength || !isCanonical(token)) throw invalidToken('the token is malformed');
  try {
    const { payload, protectedHeader, key } = await jwtVerify(
      token,
      async ({ kid, alg }) => {
        if (typeof kid !== 'string') throw invalidToken('the token names no key');
        return keys.find(kid, alg);
      },
      { ...terms, typ: 'at+jwt', maxTokenAge, requiredClaims: ['exp', 'iat', 'jti', 'sub', 'client_id'] },
    );
    const { kid = '', alg } = protectedHeader;
    return { verified: deepFrozen(verifiedOf(payload, kid)), key, alg };
  } catch (error) {
    throw error instanceof TokenError ? error : invalidToken(wordsFor(error as Claimed), error);
  }
}

/** What errors of jose say of a claim; the others say nothing of this. */
type Claimed = Partial<errors.JWTClaimValidationFailed>;

const wrong: Readonly<Record<string, string>> = {
  typ: 'the token is no access token: its typ is not at+jwt',
  iss: 'the token is of another issuer',
  aud: 'the token is not meant for this API',
  nbf: 'the token is not good yet',
  iat: 'the token was issued in the future',
  exp: 'the token has expired',
};

/** Never with words of the token: they become a header. */
function wordsFor({ claim = '', reason }: Claimed): string {
  if (reason === 'missing') return `the token has no ${claim}`;
  return reason === 'invalid' ? malformed(claim) : (wrong[claim] ?? 'the token is not valid');
}

function malformed(claim: string): string {
  return `the ${claim} of the token is malformed`;
}

/** It is handed to everybody who shows the same token. */
function deepFrozen<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) Object.values(Object.freeze(value)).forEach(deepFrozen);
  return value;
}

/** @param claims that were required */
function verifiedOf(claims: JWTPayload, kid: string): VerifiedToken {
  const { jti, sub, iat, exp, client_id: clientId, scope } = claims as Required<JWTPayload>;
  if (typeof clientId !== 'string') throw invalidToken(malformed('client_id'));
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
