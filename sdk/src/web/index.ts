// For Hono, and whatever handles `Request` and `Response` of the Fetch standard.
import { answerTo } from '../resource-server/answer.js';
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
  const { body, ...init } = answerTo(error);
  return new Response(body, init);
}
