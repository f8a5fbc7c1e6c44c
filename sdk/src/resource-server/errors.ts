/** What was wrong with a token, in the words of RFC 6750 §3.1, RFC 9449 §7.1 – and `unavailable`: it could not be judged. */
export type TokenFault =
  'missing_token' | 'invalid_token' | 'insufficient_scope' | 'invalid_dpop_proof' | 'unavailable';

const statuses = {
  missing_token: 401,
  invalid_token: 401,
  insufficient_scope: 403,
  invalid_dpop_proof: 401,
  unavailable: 503,
} as const satisfies Record<TokenFault, number>;

/** Of a proof (RFC 9449), as the server takes them. @internal */
export const proofAlgorithms = ['ES256', 'RS256', 'PS256', 'EdDSA', 'Ed25519'];

/** A request that must not be served. {@link status} and {@link headers} are the answer. */
export class TokenError extends Error {
  override readonly name = 'TokenError';
  readonly #scope: string | undefined;
  /** As the token was shown. @internal */
  scheme: 'Bearer' | 'DPoP' = 'Bearer';

  /** @internal */
  constructor(
    readonly code: TokenFault,
    message: string,
    details: { readonly scope?: string; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: details.cause });
    this.#scope = details.scope;
  }

  /** 401, 403 or 503. */
  get status(): number {
    return statuses[this.code];
  }

  /** `WWW-Authenticate`, or `Retry-After`. */
  get headers(): Record<string, string> {
    if (this.code === 'unavailable') return { 'retry-after': '5' };
    if (this.code === 'missing_token') return { 'www-authenticate': 'Bearer' };
    const parameters = [
      `error="${this.code}"`,
      `error_description="${this.message}"`,
      ...(this.#scope === undefined ? [] : [`scope="${this.#scope}"`]),
      ...(this.scheme === 'DPoP' ? [`algs="${proofAlgorithms.join(' ')}"`] : []),
    ];
    return { 'www-authenticate': `${this.scheme} ${parameters.join(', ')}` };
  }
}

/** @internal */
export function invalidToken(message: string, cause?: unknown): TokenError {
  return new TokenError('invalid_token', message, { cause });
}
