// For Hono, and whatever handles `Request` and `Response` of the Fetch standard.
import { answerTo } from '../resource-server/answer.js';
import { TokenError, type TokenVerifier, type VerifiedToken } from '../resource-server/index.js';

/**
 * Verifies the token of a request.
 *
 * @param origin as clients see it, unless it is that of `request.url`: proofs of bound tokens name it
 * @throws TokenError that {@link refusal} answers
 */
export function authorize(
  verifier: TokenVerifier,
  request: Request,
  scope: string | readonly string[] = [],
  origin?: string,
): Promise<VerifiedToken> {
  return verifier.verify(
    {
      authorization: request.headers.get('authorization') ?? undefined,
      dpop: request.headers.get('dpop') ?? undefined,
      request: {
        method: request.method,
        url: origin === undefined ? request.url : origin + new URL(request.url).pathname,
      },
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
