/** What a Bearer challenge says (RFC 6750 §3). */
export interface BearerChallenge {
  readonly error?: 'invalid_request' | 'invalid_token' | 'insufficient_scope';
  readonly description?: string;
  /** The scope that is needed, space-delimited. */
  readonly scope?: string;
}

/**
 * The value of `WWW-Authenticate` for a protected endpoint (RFC 6750 §3). Without an error - no token was sent - it
 * is the bare scheme (§3.1: no error code or other information then).
 *
 * @example bearerChallenge({ error: 'insufficient_scope', scope: 'admin:oauth' })
 */
export function bearerChallenge(challenge: BearerChallenge = {}): string {
  const { error, description, scope } = challenge;
  const parameters: string[] = [];
  if (error !== undefined) parameters.push(`error="${error}"`);
  if (description !== undefined) parameters.push(`error_description="${quotable(description)}"`);
  if (scope !== undefined) parameters.push(`scope="${quotable(scope)}"`);
  return parameters.length === 0 ? 'Bearer' : `Bearer ${parameters.join(', ')}`;
}

/** RFC 6750 §3: values stay within %x20-21 / %x23-5B / %x5D-7E, so nothing needs quoting and no header can be split. */
function quotable(text: string): string {
  return text.replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, '?');
}
