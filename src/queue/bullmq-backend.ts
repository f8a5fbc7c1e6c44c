import type { BackendClasses, IQueueBackend } from 'bullmq';
import { BullMqQueue } from './bullmq-queue.js';
import { BullMqWorker } from './bullmq-worker.js';
import { endsWithin } from './deadline.js';
import {
  type JobIds,
  type JobProcessor,
  type JobQueue,
  type JobWorker,
  QueueBackend,
  type WorkerOptions,
} from './queue-backend.js';
import { QueueFaults } from './queue-faults.js';
import { QueueUnavailable } from './queue-unavailable.js';
import { retryDelayMs } from './retry-delay.js';

/** Events are streamed for nobody here, but BullMQ always writes them; 0 would mean "keep all" on PostgreSQL. */
const keptEvents = 1_000;

/** A connection that BullMQ may use, and how to let go of it when it is of one user only. */
export interface Connected<Connection> {
  readonly connection: Connection;
  readonly release?: () => Promise<void>;
}

/** What BullMQ's queues and workers have in common. */
interface Opened {
  on(event: 'error', listener: (error: Error) => void): unknown;
  waitUntilReady(): Promise<unknown>;
  close(): Promise<void>;
}

/** What the stores have in common: {@link QueueBackend} on BullMQ. */
export abstract class BullMqBackend<Store extends IQueueBackend, Connection> extends QueueBackend {
  protected readonly faults = new QueueFaults();
  private readonly queues: BullMqQueue[] = [];
  private readonly workers: BullMqWorker[] = [];
  private readonly releases: (() => Promise<void>)[] = [];
  private readonly stops: (() => void)[] = [];
  private closed: Promise<void> | undefined;

  constructor(
    private readonly bullMq: BackendClasses<Store, Connection>,
    protected readonly prefix: string,
  ) {
    super();
  }

  async openQueue(name: string): Promise<JobQueue> {
    const { connection } = await this.connect('producer', 0);
    const opened = new this.bullMq.Queue<JobIds, void>(name, {
      connection,
      prefix: this.prefix,
      streams: { events: { maxLen: keptEvents } },
    });
    await this.untilReady(`queue ${name}`, opened);
    const queue = new BullMqQueue(opened, (work) => this.alone(work));
    this.queues.push(queue);
    return queue;
  }

  async openWorker(name: string, processor: JobProcessor, options: WorkerOptions = {}): Promise<JobWorker> {
    const { concurrency = 1, lockSeconds = 30, connections = 3, onDone } = options;
    const lockMs = lockSeconds * 1_000;
    const worker = new BullMqWorker(name, processor, this.faults);
    const { connection, release } = await this.connect('worker', Math.min(concurrency, connections));
    const opened = new this.bullMq.Worker<JobIds, void>(name, worker.process, {
      connection,
      prefix: this.prefix,
      concurrency,
      lockDuration: lockMs,
      stalledInterval: lockMs / 2,
      // A deploy may kill several processes in a row; that is no fault of the job.
      maxStalledCount: 5,
      runRetryDelay: 1_000,
      settings: {
        backoffStrategy: (failures, _type, _error, job) =>
          retryDelayMs(failures, baseDelayMs(job?.opts.backoff), Math.random()),
      },
    });
    worker.attach(opened);
    if (onDone !== undefined) opened.on('completed', ({ id }) => onDone(id ?? ''));
    try {
      await this.untilReady(`worker ${name}`, opened);
    } catch (error) {
      await release?.();
      throw error;
    }
    this.workers.push(worker);
    this.stops.push(this.watchLocks(name, lockMs));
    if (release !== undefined) this.releases.push(release);
    return worker;
  }

  close(deadlineMs: number): Promise<void> {
    this.closed ??= this.closeAll(deadlineMs);
    return this.closed;
  }

  /**
   * Connects, or gives the connection that exists.
   *
   * @param statements connections for statements, for a worker
   * @throws QueueUnavailable
   */
  protected abstract connect(role: 'producer' | 'worker', statements: number): Promise<Connected<Connection>>;

  /** Runs `work` while no other process does the like, where the store itself does not see to that. */
  protected abstract alone(work: () => Promise<void>): Promise<void>;

  /**
   * Ends the locks of a queue that last longer than a worker can have meant, where the store does not keep the time itself.
   *
   * @param lockMs how long a lock is meant to last, milliseconds
   * @returns ends the watch
   */
  protected abstract watchLocks(queue: string, lockMs: number): () => void;

  /** Closes the shared connections. */
  protected abstract disconnect(): Promise<void>;

  private async untilReady(what: string, opened: Opened): Promise<void> {
    opened.on('error', (error: Error) => this.faults.report(what, error));
    try {
      await opened.waitUntilReady();
    } catch (error) {
      // BullMQ remembers the failure for ever, so the object is of no use any more.
      await endsWithin(1_000, opened.close());
      throw new QueueUnavailable(error);
    }
  }

  private async closeAll(deadlineMs: number): Promise<void> {
    for (const stop of this.stops) stop();
    await Promise.all(this.workers.map((worker) => worker.close(deadlineMs)));
    const rest = this.queues.map((queue) => queue.close()).concat(this.releases.map((release) => release()));
    await endsWithin(500, Promise.allSettled(rest));
    this.faults.close();
    await endsWithin(500, this.disconnect());
  }
}

function baseDelayMs(backoff: number | { delay?: number } | undefined): number {
  return (typeof backoff === 'number' ? backoff : backoff?.delay) ?? 1_000;
}
