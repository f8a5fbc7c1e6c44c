/** What PostgreSQL says of itself in `postmaster.pid`. */
export interface PostmasterPid {
  readonly pid: number;
  /** The first directory in which it has a socket; undefined while it starts. */
  readonly socketDirectory: string | undefined;
  /** `starting`, `stopping`, `ready` or `standby`; undefined right at the start. */
  readonly status: string | undefined;
}

/**
 * Reads the text of a `postmaster.pid`: process id, data directory, start time, port, socket directory, listen address,
 * shared memory, status, one per line (PostgreSQL's `utils/pidfile.h`).
 *
 * @returns undefined when the first line is no process id: the file is being written, or is not one
 */
export function parsePostmasterPid(text: string): PostmasterPid | undefined {
  const lines = text.split('\n').map((line) => line.trim());
  // A process in single-user mode writes its id negated.
  const pid = Math.abs(Number(lines[0]));
  if (!Number.isSafeInteger(pid) || pid === 0) return undefined;
  return { pid, socketDirectory: lines[4] || undefined, status: lines[7] || undefined };
}
