import { oauthErrorBody, type OAuthError, type Problem, problemBody } from '../protocol/index.js';
import { asOAuthError, asProblem, unlessStored } from './fault.js';

/** The Content-Type of what this server writes itself, with the parameter that the framework would add to it. */
export const mediaTypes = {
  json: 'application/json; charset=utf-8',
  problem: 'application/problem+json; charset=utf-8',
} as const;

/** An answer before it is written to a reply or to a bare socket. */
export interface ErrorResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Whether `path` is one of the endpoints that fail as RFC 6749 §5.2 says; every other fails as RFC 9457 says. */
export function failsAsOAuth(path: string): boolean {
  return path.startsWith('/oauth/');
}

/**
 * Renders a fault for the endpoint at `path`.
 *
 * @param cause the fault
 * @param path the route's pattern, or the requested path where no route matched
 */
export function errorResponse(cause: OAuthError | Problem, path: string): ErrorResponse {
  const oauth = failsAsOAuth(path);
  const fault = unlessStored(cause, path);
  const body = oauth
    ? JSON.stringify(oauthErrorBody(asOAuthError(fault)))
    : JSON.stringify(problemBody(asProblem(fault)));
  const headers: Record<string, string> = {
    'content-type': oauth ? mediaTypes.json : mediaTypes.problem,
    'cache-control': 'no-store',
  };
  if (fault.challenge !== undefined) headers['www-authenticate'] = fault.challenge;
  if (fault.retryAfterSeconds !== undefined) headers['retry-after'] = String(fault.retryAfterSeconds);
  if ('dpopNonce' in fault && fault.dpopNonce !== undefined) headers['dpop-nonce'] = fault.dpopNonce;
  if ('allow' in fault && fault.allow !== undefined) headers['allow'] = fault.allow.join(', ');
  return { status: fault.status, headers, body };
}
