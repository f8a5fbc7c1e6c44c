import { CommandFailure } from './failure.js';
import { printable } from './printable.js';

type Members = Readonly<Record<string, unknown>>;

/** An answer that is no success, as it came. */
export interface RefusedAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly retryAfter?: string | undefined;
}

/**
 * What a refusal of the server (RFC 9457 or RFC 6749 §5.2) means to the one who called: a line per fault, and 4 when the caller
 * was not let in.
 */
export function answerFault({ status, body, retryAfter }: RefusedAnswer): CommandFailure {
  const lines = linesOf(isMembers(body) ? body : {}, status);
  if (retryAfter !== undefined) lines.push(`try again in ${printable(retryAfter)} seconds`);
  return new CommandFailure(status === 401 || status === 403 ? 4 : 1, lines);
}

function linesOf(body: Members, status: number): string[] {
  const faults = Array.isArray(body['errors']) ? body['errors'].filter(isMembers) : [];
  if (faults.length > 0) return faults.map((fault) => `${text(fault['pointer']) ?? '/'}: ${text(fault['detail'])}`);
  const error = text(body['error']);
  if (error !== undefined) return [[error, text(body['error_description'])].filter(Boolean).join(': ')];
  const said = text(body['detail']) ?? text(body['title']);
  return [said === undefined ? `the server answered with status ${status}` : `${said} (${status})`];
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? printable(value) : undefined;
}
