/** The workers do not start, or do not stay; the server ends. */
export class WorkersEnded extends Error {
  /**
   * @param code the exit code that is due
   * @param explanation what the operator is still to be told; a worker that did not start has said why itself
   */
  constructor(
    readonly code: number,
    readonly explanation: string | undefined,
  ) {
    super(explanation ?? 'a process did not start');
    this.name = 'WorkersEnded';
  }
}
