import { type Job as BullMqJob, WaitingError, type Worker } from 'bullmq';
import { endsWithin } from './deadline.js';
import type { JobIds, JobProcessor, JobWorker } from './queue-backend.js';
import { describeFault, type QueueFaults } from './queue-faults.js';

/** BullMQ's processor; it hands over a signal only to functions that declare all three parameters. */
export type BullMqProcessor = (
  job: BullMqJob<JobIds>,
  token: string | undefined,
  signal: AbortSignal | undefined,
) => Promise<void>;

/** How long closing itself may take once the jobs are done or given up. */
const closingMs = 1_000;

/** {@link JobWorker} on BullMQ. */
export class BullMqWorker implements JobWorker {
  private readonly stopping = new AbortController();
  private readonly running = new Set<Promise<void>>();
  private worker: Pick<Worker, 'pause' | 'close' | 'disconnect'> | undefined;
  private closed: Promise<boolean> | undefined;

  constructor(
    private readonly queueName: string,
    private readonly processor: JobProcessor,
    private readonly faults: QueueFaults,
  ) {}

  /** What BullMQ calls for each job. */
  readonly process: BullMqProcessor = async (job, token, signal) => {
    if (this.stopping.signal.aborted) await giveBack(job, token);
    const run = this.run(job, signal);
    this.running.add(run);
    try {
      await run;
    } catch (error) {
      if (this.stopping.signal.aborted) await giveBack(job, token);
      const attempts = job.opts.attempts ?? 1;
      this.faults.jobFailed(`${this.queueName}/${job.name}`, job.attemptsMade + 1, attempts, error);
      // BullMQ stores message and stack of what is thrown; the original may say more than the store should keep.
      throw new Error(describeFault(error), { cause: error });
    } finally {
      this.running.delete(run);
    }
  };

  /** To be called once, with the worker that was made with {@link process}. */
  attach(worker: Pick<Worker, 'pause' | 'close' | 'disconnect'>): void {
    this.worker = worker;
  }

  close(deadlineMs: number): Promise<boolean> {
    this.closed ??= this.stop(deadlineMs);
    return this.closed;
  }

  private async run(job: BullMqJob<JobIds>, signal: AbortSignal | undefined): Promise<void> {
    const attempt = job.attemptsMade + 1;
    const signals = signal === undefined ? [this.stopping.signal] : [signal, this.stopping.signal];
    await this.processor(
      { id: job.id ?? '', name: job.name, ids: job.data, attempt, lastAttempt: attempt >= (job.opts.attempts ?? 1) },
      AbortSignal.any(signals),
    );
  }

  private async stop(deadlineMs: number): Promise<boolean> {
    const { worker } = this;
    if (worker === undefined) return true;
    // `close()` waits for its jobs without limit and renews their locks meanwhile, and nothing can cut that short; so the
    // jobs are waited for here. `pause()` without `true` would do so too, and afterwards connect again, even when closed.
    await worker.pause(true);
    this.stopping.abort(new Error('the server is shutting down'));
    const finished = await endsWithin(deadlineMs, Promise.allSettled(this.running));
    const closed = await endsWithin(closingMs, worker.close(!finished));
    if (!closed) await endsWithin(closingMs, worker.disconnect());
    return finished;
  }
}

/** Puts a job that the shutdown has stopped back into the queue, for another process; that is no failed attempt. */
async function giveBack(job: BullMqJob<JobIds>, token: string | undefined): Promise<never> {
  await job.moveToWait(token);
  throw new WaitingError();
}
