/**
 * Something that runs once at a time, however many ask for it. A run under way may have missed what its caller knows of: whoever
 * asks meanwhile gets the next one, and all of those the same.
 */
export class SharedRun {
  private last: Promise<void> = Promise.resolve();
  private next: Promise<void> | undefined;

  constructor(private readonly work: () => Promise<void>) {}

  /** Resolves, or rejects, with a run that began after the call. */
  run(): Promise<void> {
    this.next ??= this.last
      .catch(() => undefined)
      .then(() => {
        this.next = undefined;
        this.last = this.work();
        return this.last;
      });
    return this.next;
  }
}
