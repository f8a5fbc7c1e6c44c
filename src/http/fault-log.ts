import { Logger } from '@nestjs/common';
import type { OAuthError, Problem } from '../protocol/index.js';

const logger = new Logger('http');

/** Logs a fault of ours, once, under the request id that the client was given; an absent dependency without its stack. */
export function logFault(fault: OAuthError | Problem, requestId: string): void {
  if (fault.status < 500) return;
  const { cause } = fault;
  const what = cause instanceof Error ? (fault.status === 503 ? cause.message : cause.stack) : 'no cause';
  logger.error({ request_id: requestId, status: fault.status, fault: what });
}
