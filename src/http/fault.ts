import { HttpException } from '@nestjs/common';
import { DatabaseUnavailable, isDatabaseFault, isDatabaseUnavailable, isDataFault } from '../database/index.js';
import {
  badRequest,
  JsonFault,
  notFound,
  OAuthError,
  type OAuthErrorCode,
  payloadTooLarge,
  Problem,
  serverError,
  unavailable,
  unsupportedMediaType,
} from '../protocol/index.js';

/** Status and code of an error that Fastify or Node raised, where it has them. */
function statusOf(error: unknown): number | undefined {
  if (error instanceof HttpException) return error.getStatus();
  if (typeof error === 'object' && error !== null && 'statusCode' in error && typeof error.statusCode === 'number') {
    return error.statusCode;
  }
  return undefined;
}

/**
 * What the outside may know of an error: an {@link OAuthError} or {@link Problem} is itself, known faults of the framework and
 * of the database become one, and anything else is a 500 that says nothing.
 */
export function publicFault(error: unknown): OAuthError | Problem {
  if (error instanceof OAuthError || error instanceof Problem) return error;
  if (isDatabaseUnavailable(error)) return unavailable(new DatabaseUnavailable().retryAfterSeconds, error);
  if (error instanceof JsonFault) return badRequest([{ pointer: error.pointer, detail: error.detail }]);
  const status = statusOf(error);
  if (status === 404) return notFound('there is nothing at this path');
  if (status === 413) return payloadTooLarge();
  if (status === 415) return unsupportedMediaType();
  if (status !== undefined && status >= 400 && status < 500) return new Problem(status, 'the request is not valid');
  return new Problem(500, 'the server met an unexpected fault', { cause: error });
}

/**
 * Whatever PostgreSQL refuses to store or to tell is a 503: nothing was done, and the client is to come again (http-api.md
 * "POST /oauth/token", security.md I-13, M-27). Only where the fault lies in the values, and not under `/oauth/`, it would be
 * the same the next time.
 */
export function unlessStored(fault: OAuthError | Problem, path: string): OAuthError | Problem {
  if (fault.status !== 500 || !isDatabaseFault(fault.cause)) return fault;
  if (!path.startsWith('/oauth/') && isDataFault(fault.cause)) return fault;
  return unavailable(new DatabaseUnavailable().retryAfterSeconds, fault.cause);
}

/** The same fault in the words of RFC 6749 §5.2, for the endpoints under `/oauth/`. */
export function asOAuthError(fault: OAuthError | Problem): OAuthError {
  if (fault instanceof OAuthError) return fault;
  if (fault.status >= 500 && fault.status !== 503) return serverError(fault.cause);
  const code: OAuthErrorCode =
    fault.status === 429 || fault.status === 503 ? 'temporarily_unavailable' : 'invalid_request';
  return new OAuthError({
    code,
    status: fault.status,
    description: fault.detail,
    cause: fault.cause,
    ...(fault.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: fault.retryAfterSeconds }),
  });
}

/** The same fault as a problem, for every other endpoint. */
export function asProblem(fault: OAuthError | Problem): Problem {
  return fault instanceof Problem ? fault : new Problem(fault.status, fault.description, { cause: fault.cause });
}
