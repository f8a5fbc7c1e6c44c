/**
 * The embedded PostgreSQL cannot be used. The message is for the operator: what is wrong, where, and what to do about it.
 * It names paths, so it belongs in the server's log and never in an answer.
 */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
}

/** The `code` of a system error (`ENOENT`, `EACCES`, …), or undefined where there is none. */
export function systemErrorCode(error: unknown): string | undefined {
  // By shape, not by `instanceof Error`: under Jest, Node's own errors are of another realm.
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** What went wrong, in the words of the error itself. */
export function reasonOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
}
