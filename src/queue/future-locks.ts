import type { PostgresPool } from './postgres-pool.js';

/** No clock that is to be believed runs ahead of both that of this process and that of the database. */
const clock = `greatest($2::bigint, (extract(epoch FROM statement_timestamp()) * 1000)::bigint)`;

const shortenLocks = `
  UPDATE job SET locked_until_ms = ${clock} + $3::bigint
   WHERE queue = $1 AND state = 'active' AND locked_until_ms > ${clock} + 2 * $3::bigint`;

/** When BullMQ last looked for abandoned jobs; it does not look again before that time and a half lock. */
const resetCheck = `
  UPDATE meta SET value = ${clock}::text
   WHERE queue = $1 AND field = 'stalled-check' AND value::bigint > ${clock} + 2 * $3::bigint`;

/**
 * On PostgreSQL, BullMQ counts locks by the clock of the process that takes them. One that dies while its clock is ahead leaves
 * a job that looks alive until that time has come, and that cannot be added again. Such a lock is cut to what it was meant to
 * last, now and twice in each lock; whoever still holds it renews it meanwhile.
 *
 * @param lockMs how long a lock of this queue lasts, milliseconds
 * @returns ends this
 */
export function endFutureLocks(pool: PostgresPool, queue: string, lockMs: number): () => void {
  const cut = async (): Promise<void> => {
    try {
      for (const statement of [shortenLocks, resetCheck]) await pool.query(statement, [queue, Date.now(), lockMs]);
    } catch {
      // The pool has said what is wrong; the next turn comes soon.
    }
  };
  void cut();
  const timer = setInterval(() => void cut(), lockMs / 2).unref();
  return () => clearInterval(timer);
}
