/** For Express, Connect and whatever has their middleware. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { TokenError, type TokenVerifier, type VerifiedToken } from '../resource-server/index.js';

/** A request that {@link requireToken} let through. */
export type AuthorizedRequest = IncomingMessage & { auth: VerifiedToken };

/** What a middleware needs to know beside the verifier. */
export interface RequireTokenOptions {
  /** The token must hold each of them. */
  readonly scope?: string | readonly string[];
  /** Origin as clients see it, such as `https://orders.example.com`: proofs of bound tokens name it. */
  readonly origin?: string;
}

/**
 * Middleware that lets a request through whose token is good, with what is known of its bearer in `request.auth`; it answers the
 * others itself (RFC 6750 §3).
 */
export function requireToken(verifier: TokenVerifier, { scope = [], origin }: RequireTokenOptions = {}) {
  return (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void => {
    const { method = 'GET', headers } = request;
    const path = 'originalUrl' in request ? String(request.originalUrl) : (request.url ?? '/');
    const presented = {
      authorization: headers.authorization,
      dpop: typeof headers['dpop'] === 'string' ? headers['dpop'] : undefined,
      request: { method, url: `${origin ?? `http://${headers.host ?? 'localhost'}`}${path}` },
    };
    void admit(request, verifier.verify(presented, scope)).then(next, (error: unknown) => {
      if (error instanceof TokenError) refuse(response, error);
      else next(error);
    });
  };
}

async function admit(request: IncomingMessage, verifying: Promise<VerifiedToken>): Promise<undefined> {
  (request as AuthorizedRequest).auth = await verifying;
}

function refuse(response: ServerResponse, error: TokenError): void {
  response.writeHead(error.status, {
    ...error.headers,
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
  });
  response.end(JSON.stringify({ type: 'about:blank', title: error.message, status: error.status }));
}
