/** For Hono, and whatever handles `Request` and `Response` of the Fetch standard. */
import { TokenError, type TokenVerifier, type VerifiedToken } from '../resource-server/index.js';

/**
 * Verifies the token of a request.
 *
 * ```ts
 * const { clientId } = await authorize(verifier, request, 'read:orders'); // throws what refusal() answers
 * ```
 *
 * @throws TokenError
 */
export function authorize(
  verifier: TokenVerifier,
  request: Request,
  scope: string | readonly string[] = [],
): Promise<VerifiedToken> {
  return verifier.verify(
    {
      authorization: request.headers.get('authorization') ?? undefined,
      dpop: request.headers.get('dpop') ?? undefined,
      request: { method: request.method, url: request.url },
    },
    scope,
  );
}

/** The answer to a request whose token is not good (RFC 6750 §3); `undefined` for another error. */
export function refusal(error: unknown): Response | undefined {
  if (!(error instanceof TokenError)) return undefined;
  const body = JSON.stringify({ type: 'about:blank', title: error.message, status: error.status });
  const headers = { ...error.headers, 'content-type': 'application/problem+json', 'cache-control': 'no-store' };
  return new Response(body, { status: error.status, headers });
}
