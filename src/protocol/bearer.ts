/** What a Bearer challenge says (RFC 6750 §3). */
export interface BearerChallenge {
  readonly error?: 'invalid_request' | 'invalid_token' | 'insufficient_scope';
  readonly description?: string;
  /** The scope that is needed, space-delimited. */
  readonly scope?: string;
}

/** What a DPoP challenge says (RFC 9449 §7.1). */
export interface DpopChallenge {
  readonly error?: 'invalid_token' | 'invalid_dpop_proof' | 'use_dpop_nonce' | 'insufficient_scope';
  readonly description?: string;
  /** The scope that is needed, space-delimited. */
  readonly scope?: string;
  /** The algorithms that a proof may be signed with. */
  readonly algorithms: readonly string[];
}

/**
 * The value of `WWW-Authenticate` for a protected endpoint (RFC 6750 §3). Without an error - no token was sent - it
 * is the bare scheme (§3.1: no error code or other information then).
 *
 * @example bearerChallenge({ error: 'insufficient_scope', scope: 'admin:oauth' })
 */
export function bearerChallenge({ error, description, scope }: BearerChallenge = {}): string {
  return challenge('Bearer', { error, error_description: description, scope });
}

/**
 * The value of `WWW-Authenticate` for whoever tried, or has to try, the DPoP scheme (RFC 9449 §7.1).
 *
 * @example dpopChallenge({ error: 'invalid_token', algorithms: ['ES256'] })
 */
export function dpopChallenge({ error, description, scope, algorithms }: DpopChallenge): string {
  return challenge('DPoP', { error, error_description: description, scope, algs: algorithms.join(' ') });
}

function challenge(scheme: string, parameters: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}="${quotable(value)}"`],
  );
  return given.length === 0 ? scheme : `${scheme} ${given.join(', ')}`;
}

/** RFC 6750 §3: values stay within %x20-21 / %x23-5B / %x5D-7E, so nothing needs quoting and no header can be split. */
function quotable(text: string): string {
  return text.replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '?');
}
