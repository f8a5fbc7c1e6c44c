/** The database cannot answer now; the same request may succeed later. The error filter answers 503 with `Retry-After`. */
export class DatabaseUnavailable extends Error {
  /** Seconds after which a retry is worthwhile. */
  readonly retryAfterSeconds = 2;

  constructor(cause?: unknown) {
    super('the database is unavailable', { cause });
    this.name = 'DatabaseUnavailable';
  }
}

const unavailableSqlStates = new Set([
  '25P03', // idle_in_transaction_session_timeout
  '25006', // read_only_sql_transaction: recovery or a replica
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  '53100', // disk_full
  '53200', // out_of_memory
  '53300', // too_many_connections
  '53400', // configuration_limit_exceeded
  '55P03', // lock_not_available
  '57014', // query_canceled: statement_timeout
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '57P05', // idle_session_timeout
  '58000', // system_error
  '58030', // io_error
]);

const unavailableSystemErrors = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
]);

const unavailableMessages = [
  'timeout exceeded when trying to connect',
  'Connection terminated',
  'Client has encountered a connection error',
  'Client was closed',
  'is not currently accepting connections',
  'Query read timeout',
  'Cannot use a pool after calling end',
  'Driver not Connected',
  // TypeORM gives a connection back that was lost between two statements.
  'was already released',
  'Query runner already released',
];

/** Whether `error`, as thrown by pg or TypeORM, means that the database is away rather than that the statement is wrong. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (error instanceof DatabaseUnavailable) return true;
  if (typeof error !== 'object' || error === null) return false;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  if (code !== undefined) {
    if (isMissingSocket(code, error)) return true;
    if (unavailableSqlStates.has(code) || unavailableSystemErrors.has(code) || code.startsWith('08')) return true;
  }
  const text = 'message' in error && typeof error.message === 'string' ? error.message : '';
  if (unavailableMessages.some((message) => text.includes(message))) return true;
  return 'cause' in error && isDatabaseUnavailable(error.cause);
}

/** Whether `error` is what PostgreSQL itself has said, whatever it was: errors of its protocol have a severity. */
export function isDatabaseFault(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  if ('severity' in error && 'code' in error && /^[0-9A-Z]{5}$/.test(String(error.code))) return true;
  return 'cause' in error && isDatabaseFault(error.cause);
}

/** Whether PostgreSQL has refused the values: SQLSTATE classes 22 (data exception) and 23 (integrity constraint violation). */
export function isDataFault(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  if ('code' in error && typeof error.code === 'string' && /^2[23]/.test(error.code)) return true;
  return 'cause' in error && isDataFault(error.cause);
}

/** There is no Unix socket where the database should be; of any other file that is not there, the database knows nothing. */
function isMissingSocket(code: string, error: object): boolean {
  return code === 'ENOENT' && 'syscall' in error && error.syscall === 'connect';
}

/** Turns a fault of an absent database into {@link DatabaseUnavailable}; every other error is returned as it is. */
export function asDatabaseError(error: unknown): unknown {
  return isDatabaseUnavailable(error) && !(error instanceof DatabaseUnavailable)
    ? new DatabaseUnavailable(error)
    : error;
}

/** Whether `error` is PostgreSQL's refusal of a duplicate key, optionally of the named constraint. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  if (typeof error !== 'object' || error === null || !('code' in error) || error.code !== '23505') return false;
  return constraint === undefined || ('constraint' in error && error.constraint === constraint);
}
