/** For Fastify. Its types are named by what is used of them, so that no version of it is needed here. */
import type { IncomingHttpHeaders } from 'node:http';
import { TokenError, type TokenVerifier, type VerifiedToken } from '../resource-server/index.js';

interface Request {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly host?: string;
  auth?: VerifiedToken;
}

interface Reply {
  code(status: number): Reply;
  headers(values: Record<string, string>): Reply;
  send(body: unknown): unknown;
}

/** See {@link requireToken}. */
export interface RequireTokenOptions {
  /** The token must hold each of them. */
  readonly scope?: string | readonly string[];
  /** Origin as clients see it, such as `https://orders.example.com`: proofs of bound tokens name it. */
  readonly origin?: string;
}

/**
 * An `onRequest` or `preHandler` hook that lets a request through whose token is good, with what is known of its bearer in
 * `request.auth`; it answers the others itself (RFC 6750 §3). Call `app.decorateRequest('auth')` first.
 */
export function requireToken(verifier: TokenVerifier, { scope = [], origin }: RequireTokenOptions = {}) {
  return async (request: Request, reply: Reply): Promise<unknown> => {
    const { method, url, headers, host = headers.host ?? 'localhost' } = request;
    const dpop = typeof headers['dpop'] === 'string' ? headers['dpop'] : undefined;
    try {
      request.auth = await verifier.verify(
        { authorization: headers.authorization, dpop, request: { method, url: `${origin ?? `http://${host}`}${url}` } },
        scope,
      );
      return undefined;
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      return reply
        .code(error.status)
        .headers({ ...error.headers, 'content-type': 'application/problem+json', 'cache-control': 'no-store' })
        .send(JSON.stringify({ type: 'about:blank', title: error.message, status: error.status }));
    }
  };
}
