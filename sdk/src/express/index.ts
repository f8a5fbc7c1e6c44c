// For Express, Connect and whatever has their middleware.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerTo, presentedBy } from '../resource-server/answer.js';
import {
  type RequireTokenOptions,
  TokenError,
  type TokenVerifier,
  type VerifiedToken,
} from '../resource-server/index.js';

/** A request that {@link requireToken} let through. */
export type AuthorizedRequest = IncomingMessage & { auth: VerifiedToken };

/**
 * Middleware that lets a request through whose token is good, with what is known of its bearer in `request.auth`; it answers the
 * others itself (RFC 6750 §3).
 */
export function requireToken(verifier: TokenVerifier, { scope = [], origin }: RequireTokenOptions = {}) {
  return (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void => {
    const path = 'originalUrl' in request ? String(request.originalUrl) : (request.url ?? '/');
    void admit(request, verifier.verify(presentedBy(request, path, origin), scope)).then(next, (error: unknown) => {
      if (!(error instanceof TokenError)) {
        next(error);
        return;
      }
      // Such as a time limit has answered.
      if (response.headersSent) return;
      const { status, headers, body } = answerTo(error);
      response.writeHead(status, headers).end(body);
    });
  };
}

async function admit(request: IncomingMessage, verifying: Promise<VerifiedToken>): Promise<undefined> {
  (request as AuthorizedRequest).auth = await verifying;
}
