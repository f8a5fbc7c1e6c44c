import { formatScope } from './scope.js';

/** The `typ` of an access token's header (RFC 9068 §2.1). */
export const ACCESS_TOKEN_TYPE = 'at+jwt';

/** What a bound token is bound to: a key by its thumbprint (RFC 9449 §6.1), a client certificate by its hash (RFC 8705 §3.1). */
export interface Confirmation {
  readonly jkt?: string;
  readonly 'x5t#S256'?: string;
}

/** The claims of an access token (RFC 9068 §2.2); times in seconds since the epoch (RFC 7519 §2). */
export interface AccessTokenClaims {
  readonly iss: string;
  readonly sub: string;
  readonly client_id: string;
  readonly aud: string | readonly string[];
  readonly iat: number;
  readonly exp: number;
  readonly jti: string;
  /** What the token is bound to (RFC 7800 §3.1). */
  readonly cnf?: Confirmation;
  /** Space-delimited; empty if the token has none, so that no reader meets a missing claim. */
  readonly scope: string;
}

/**
 * The claims of an access token (RFC 9068 §2.2).
 *
 * @param token.subject the client itself, if it acts for itself
 * @param token.issuedAt seconds since the epoch; a fraction is cut off
 * @param token.lifetimeSeconds whole seconds
 */
export function accessTokenClaims(token: {
  readonly issuer: string;
  readonly clientId: string;
  readonly subject: string;
  readonly audience: string | readonly string[];
  readonly scope: readonly string[];
  readonly issuedAt: number;
  readonly lifetimeSeconds: number;
  readonly jti: string;
  readonly confirmation?: Confirmation | undefined;
}): AccessTokenClaims {
  const iat = Math.floor(token.issuedAt);
  return {
    iss: token.issuer,
    sub: token.subject,
    client_id: token.clientId,
    aud: token.audience,
    iat,
    exp: iat + token.lifetimeSeconds,
    jti: token.jti,
    scope: formatScope(token.scope),
    ...(token.confirmation === undefined ? {} : { cnf: token.confirmation }),
  };
}
