import { Logger } from '@nestjs/common';

const repeatAfterMs = 30_000;

/**
 * What may be logged of an error: its code and the first line of its message, at most 200 characters, without credentials of
 * a URL and without anything that looks like one of our secrets.
 */
export function describeFault(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const code = 'code' in error && typeof error.code === 'string' ? `${error.code}: ` : '';
  const [line = ''] = (error.message === '' ? error.name : error.message).split('\n', 1);
  const safe = line.replaceAll(/:\/\/[^\s/@]*@/g, '://').replaceAll(/signet_[a-z]{2}_\w+/g, '[secret]');
  return (code + safe).slice(0, 200);
}

/** Logs what goes wrong in the queue: the first fault of each kind at once, then the same kind at most twice a minute. */
export class QueueFaults {
  private readonly logger = new Logger('Queue');
  private readonly lastLogged = new Map<string, number>();
  private closed = false;

  /** Logs a fault of the store or of a connection to it; an outage gives hundreds of them. */
  report(where: string, error: unknown): void {
    if (this.closed) return;
    const now = performance.now();
    const last = this.lastLogged.get(where);
    if (last !== undefined && now - last < repeatAfterMs) return;
    this.lastLogged.set(where, now);
    this.logger.warn(`${where}: ${describeFault(error)}`);
  }

  /** From now on connections are closed, and what happens to them is no fault of the store. */
  close(): void {
    this.closed = true;
  }

  /** Logs what an operator has to put right at the store; `advice` says how, and holds nothing of its URL. */
  misconfigured(advice: string): void {
    this.logger.warn(advice);
  }

  /** Logs a failed run of a job. */
  jobFailed(job: string, attempt: number, attempts: number, error: unknown): void {
    const text = `job ${job} failed, attempt ${attempt} of ${attempts}: ${describeFault(error)}`;
    if (attempt < attempts) this.logger.warn(text);
    else this.logger.error(text);
  }
}
