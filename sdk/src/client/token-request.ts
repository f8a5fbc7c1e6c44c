import type { Authentication } from './credentials.js';
import type { DpopKey } from './dpop.js';
import { TokenRequestError } from './errors.js';
import { jsonBody } from './json-body.js';
import { retryAfterOf } from './retry-after.js';

/** A token as the server gave it. @internal */
export interface AccessToken {
  readonly value: string;
  readonly type: 'Bearer' | 'DPoP';
  readonly scope: string;
  /** Seconds that it lived from the moment it was asked for. */
  readonly expiresIn: number;
}

/** What a token is asked for. */
export interface TokenTarget {
  /** Space-delimited; all that the client may have unless given. */
  scope?: string | undefined;
  /** Absolute URIs of the APIs that it is for (RFC 8707). */
  resource?: string | readonly string[] | undefined;
}

/** Where and how tokens are asked for. @internal */
export interface TokenEndpoint {
  readonly tokenUrl: string;
  readonly authenticate: () => Promise<Authentication>;
  readonly dpop: DpopKey | undefined;
  readonly timeoutMs: number;
  readonly fetch: typeof fetch | undefined;
}

/**
 * `POST /oauth/token` with `client_credentials` (RFC 6749 §4.4), once; twice where the server wants a nonce first.
 *
 * @throws TokenRequestError
 *
 * @internal
 */
export async function requestToken(endpoint: TokenEndpoint, target: TokenTarget): Promise<AccessToken> {
  const { dpop, tokenUrl } = endpoint;
  let response = await send(endpoint, target);
  if (response.status === 400 && dpop?.takeNonce(tokenUrl, response.headers) === true) {
    response = await send(endpoint, target);
  }
  dpop?.takeNonce(tokenUrl, response.headers);
  const body = await jsonOf(response);
  if (response.ok) return tokenOf(body);
  const code = typeof body['error'] === 'string' ? body['error'] : 'invalid_response';
  const words = typeof body['error_description'] === 'string' ? `: ${body['error_description']}` : '';
  throw refusedBy(response, `no token: ${code}${words}`, code);
}

function refusedBy({ status, headers }: Response, message: string, code: string): TokenRequestError {
  return new TokenRequestError(message, code, status >= 500 || status === 429, retryAfterOf(headers));
}

async function send(
  { tokenUrl, authenticate, dpop, timeoutMs, fetch: fetcher = fetch }: TokenEndpoint,
  { scope, resource }: TokenTarget,
): Promise<Response> {
  const { headers, parameters } = await authenticate();
  const body = new URLSearchParams({ grant_type: 'client_credentials', ...parameters });
  if (scope !== undefined) body.set('scope', scope);
  for (const one of resource === undefined ? [] : [resource].flat()) body.append('resource', one);
  const proof: Record<string, string> = dpop === undefined ? {} : { dpop: await dpop.proof('POST', tokenUrl) };
  try {
    return await fetcher(tokenUrl, {
      method: 'POST',
      headers: { ...headers, ...proof, accept: 'application/json' },
      body,
      // A secret must not follow a redirect.
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (error) {
    throw unanswered(error);
  }
}

function unanswered(cause: unknown): TokenRequestError {
  const timedOut = cause instanceof Error && cause.name === 'TimeoutError';
  const message = timedOut ? 'the token endpoint did not answer in time' : 'the token endpoint cannot be reached';
  return new TokenRequestError(message, timedOut ? 'timeout' : 'network_error', true, undefined, { cause });
}

async function jsonOf(response: Response): Promise<Record<string, unknown>> {
  try {
    return await jsonBody(response);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw unanswered(error);
    throw refusedBy(response, `the token endpoint answered ${response.status} without JSON`, 'invalid_response');
  }
}

/** Longer than this, in seconds, nothing lives; dates have an end as well. */
const maxLife = 1e10;

const types = ['Bearer', 'DPoP'] as const;

function tokenOf({
  access_token: value,
  token_type: type,
  expires_in: expiresIn,
  scope,
}: Record<string, unknown>): AccessToken {
  const knownType = types.find((name) => name.toLowerCase() === String(type).toLowerCase());
  // What is not of these characters (RFC 6749 §A.12), or is a space, is no value for a header.
  const isToken = typeof value === 'string' && /^[!-~]+$/.test(value);
  const isLife = typeof expiresIn === 'number' && expiresIn > 0 && expiresIn < maxLife;
  if (!isToken || !isLife || knownType === undefined) {
    throw new TokenRequestError('the answer of the token endpoint is no token', 'invalid_response', false);
  }
  return { value, type: knownType, scope: typeof scope === 'string' ? scope : '', expiresIn };
}
