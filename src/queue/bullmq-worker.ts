import type { Job as BullMqJob, Worker } from 'bullmq';
import { endsWithin } from './deadline.js';
import type { Job, JobIds, JobProcessor, JobWorker } from './queue-backend.js';
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
  private worker: Pick<Worker, 'pause' | 'close'> | undefined;
  private closed: Promise<boolean> | undefined;

  constructor(
    private readonly queueName: string,
    private readonly processor: JobProcessor,
    private readonly faults: QueueFaults,
  ) {}

  /** What BullMQ calls for each job. */
  readonly process: BullMqProcessor = async (job, _token, signal) => {
    const attempts = job.opts.attempts ?? 1;
    const run: Job = {
      id: job.id ?? '',
      name: job.name,
      ids: job.data,
      attempt: job.attemptsMade + 1,
      lastAttempt: job.attemptsMade + 1 >= attempts,
    };
    try {
      const signals = signal === undefined ? [this.stopping.signal] : [signal, this.stopping.signal];
      await this.processor(run, AbortSignal.any(signals));
    } catch (error) {
      this.faults.jobFailed(`${this.queueName}/${job.name}`, run.attempt, attempts, error);
      // BullMQ stores message and stack of what is thrown; the original may say more than the store should keep.
      throw new Error(describeFault(error), { cause: error });
    }
  };

  /** To be called once, with the worker that was made with {@link process}. */
  attach(worker: Pick<Worker, 'pause' | 'close'>): void {
    this.worker = worker;
  }

  close(deadlineMs: number): Promise<boolean> {
    this.closed ??= this.stop(deadlineMs);
    return this.closed;
  }

  private async stop(deadlineMs: number): Promise<boolean> {
    const { worker } = this;
    if (worker === undefined) return true;
    // `close()` alone waits for its jobs without limit and keeps renewing their locks; pausing can be given up on.
    const paused = worker.pause();
    this.stopping.abort(new Error('the server is shutting down'));
    const finished = await endsWithin(deadlineMs, paused);
    await endsWithin(closingMs, worker.close(!finished));
    return finished;
  }
}
