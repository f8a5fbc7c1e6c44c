/** The queue's store cannot answer now; the same call may succeed later. */
export class QueueUnavailable extends Error {
  /** Seconds after which a retry is worthwhile. */
  readonly retryAfterSeconds = 2;

  constructor(cause?: unknown) {
    super('the queue is unavailable', { cause });
    this.name = 'QueueUnavailable';
  }
}
