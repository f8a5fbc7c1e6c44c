// For Fastify. Its types are named by what is used of them, so that no version of it is needed here.
import type { IncomingHttpHeaders } from 'node:http';
import { answerTo, presentedBy } from '../resource-server/answer.js';
import {
  type RequireTokenOptions,
  TokenError,
  type TokenVerifier,
  type VerifiedToken,
} from '../resource-server/index.js';

interface Request {
  method: string;
  url: string;
  originalUrl?: string;
  headers: IncomingHttpHeaders;
  auth?: VerifiedToken;
}

interface Reply {
  code(status: number): Reply;
  headers(values: Record<string, string>): Reply;
  send(body: unknown): unknown;
}

/**
 * An `onRequest` or `preHandler` hook that lets a request through whose token is good, with what is known of its bearer in
 * `request.auth`; it answers the others itself (RFC 6750 §3). Call `app.decorateRequest('auth')` first.
 */
export function requireToken(verifier: TokenVerifier, { scope = [], origin }: RequireTokenOptions = {}) {
  return async (request: Request, reply: Reply): Promise<unknown> => {
    try {
      request.auth = await verifier.verify(presentedBy(request, request.originalUrl ?? request.url, origin), scope);
      return undefined;
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      const { status, headers, body } = answerTo(error);
      return reply.code(status).headers(headers).send(body);
    }
  };
}
