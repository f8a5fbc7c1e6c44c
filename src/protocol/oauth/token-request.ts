import { type Form, repeated, singleParameter } from '../form.js';
import { invalidRequest } from './error.js';

/** What the grants read of a token request. */
export interface TokenRequest {
  /** `grant_type` (REQUIRED, RFC 6749 §4.4.2), as sent. */
  readonly grantType: string;
  /** `scope` (OPTIONAL, RFC 6749 §3.3), as sent and not yet parsed. */
  readonly scope: string | undefined;
  /** `resource` and its synonym `audience` (OPTIONAL, repeatable, RFC 8707 §2), as sent and not yet checked. */
  readonly resources: string[];
  /** `refresh_token` (RFC 6749 §6), as sent. */
  readonly refreshToken?: string;
}

/** Parameters that may be repeated (RFC 8707 §2, RFC 8693 §2.1); no other may, known or not (RFC 6749 §3.2). */
const REPEATABLE: ReadonlySet<string> = new Set(['resource', 'audience']);

/**
 * Reads a token request (RFC 6749 §4.4.2). Unknown parameters are ignored (RFC 6749 §3.2).
 *
 * @throws OAuthError `invalid_request` if `grant_type` is missing or a parameter is repeated (security.md T-05)
 */
export function readTokenRequest(form: Form): TokenRequest {
  for (const [name, values] of form) if (values.length > 1 && !REPEATABLE.has(name)) throw repeated(name);
  const grantType = singleParameter(form, 'grant_type');
  if (grantType === undefined) throw invalidRequest('the parameter grant_type is missing');
  const refreshToken = singleParameter(form, 'refresh_token');
  const request = { grantType, scope: singleParameter(form, 'scope'), resources: readResources(form) };
  return refreshToken === undefined ? request : { ...request, refreshToken };
}

function readResources(form: Form): string[] {
  const resources: string[] = [];
  for (const name of ['resource', 'audience'] as const) {
    for (const value of form.get(name) ?? []) if (value !== '') resources.push(value);
  }
  return resources;
}
