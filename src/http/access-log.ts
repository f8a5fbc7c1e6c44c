import type { Logger } from 'pino';

/** What the log keeps of an answer: never a query string, a header or a body (security.md D15). */
export interface AnswerRecord {
  readonly requestId: string;
  readonly method: string | undefined;
  /** The route's pattern; `undefined`: there was none. */
  readonly route: string | undefined;
  readonly status: number;
  readonly durationMs: number;
  readonly ipAddress: string | undefined;
}

/**
 * Writes one line for an answer. What the audit log or a metric already tells – answered tokens, keys, probes – is logged at
 * debug level.
 */
export function logAnswer(logger: Logger, record: AnswerRecord): void {
  const level = record.status < 400 && record.route?.startsWith('/admin') !== true ? 'debug' : 'info';
  if (!logger.isLevelEnabled(level)) return;
  logger[level](
    {
      request_id: record.requestId,
      method: record.method,
      route: record.route ?? 'unknown',
      status: record.status,
      duration_ms: Math.round(record.durationMs * 100) / 100,
      ip_address: record.ipAddress,
    },
    'answered',
  );
}
