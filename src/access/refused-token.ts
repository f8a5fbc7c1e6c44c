import { bearerChallenge, dpopChallenge, dpopSigningAlgorithms, OAuthError, unauthorized } from '../protocol/index.js';
import type { Problem } from '../protocol/index.js';
import type { TokenScheme } from './presented-token.js';

/** Why an access token was refused: a word for the audit log. A caller learns only `invalid_token`. */
export type TokenFault =
  | 'bound_to_key'
  | 'not_bound'
  | 'not_live'
  | 'unknown_confirmation'
  | 'unverifiable'
  | 'wrong_certificate'
  | 'wrong_key';

/** An access token is refused for what it is, or for who sent it. */
export class InvalidAccessToken extends Error {
  override readonly name = 'InvalidAccessToken';

  constructor(
    readonly reason: TokenFault,
    cause?: unknown,
  ) {
    super(reason, { cause });
  }
}

/**
 * The 401 for a token, or for the proof that came with it, with the challenge of the scheme that was tried (RFC 6750 §3,
 * RFC 9449 §7.1). A token that should have come with a proof also gets to know how (RFC 9449 §7.2).
 */
export function refusedToken(scheme: TokenScheme, error: InvalidAccessToken | OAuthError): Problem {
  const algorithms = dpopSigningAlgorithms;
  if (error instanceof OAuthError) {
    const code = error.code === 'use_dpop_nonce' ? error.code : 'invalid_dpop_proof';
    const challenge = dpopChallenge({ error: code, description: error.description, algorithms });
    return unauthorized(challenge, error.description);
  }
  if (scheme === 'DPoP') return unauthorized(dpopChallenge({ error: 'invalid_token', algorithms }));
  const bearer = bearerChallenge({ error: 'invalid_token' });
  return unauthorized(error.reason === 'bound_to_key' ? `${bearer}, ${dpopChallenge({ algorithms })}` : bearer);
}

/** The challenge for a good token with too little scope (RFC 6750 §3.1, RFC 9449 §7.1). */
export function insufficientScope(scheme: TokenScheme, scope: string): string {
  return scheme === 'DPoP'
    ? dpopChallenge({ error: 'insufficient_scope', scope, algorithms: dpopSigningAlgorithms })
    : bearerChallenge({ error: 'insufficient_scope', scope });
}
