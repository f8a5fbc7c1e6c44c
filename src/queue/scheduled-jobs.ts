import { setTimeout as sleep } from 'node:timers/promises';
import { type BeforeApplicationShutdown, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { endsWithin } from './deadline.js';
import type { Job, JobCounts, JobQueue, JobWorker, QueueBackend } from './queue-backend.js';
import { describeFault } from './queue-faults.js';

/** Work that is due again and again: once per due time, however many processes run. */
export interface ScheduledJob {
  /** Unique in the server; lower-case letters, digits, `.`, `_`, `-`. */
  readonly name: string;
  /** Whole seconds from one due time to the next. */
  readonly everySeconds: number;
  /**
   * Does the work. It must bear being run twice, and beside itself when it takes longer than its interval. A rejection makes
   * it run again after 1, 2, 4 and 8 s, then at the next due time.
   *
   * @param signal aborted when the server shuts down
   */
  run(signal: AbortSignal): Promise<void>;
}

/** Is told how each run of a job ended. */
export type JobRan = (job: string, outcome: 'done' | 'failed') => void;

/** Times of {@link ScheduledJobs}; tests shorten them. */
export interface ScheduledJobsTiming {
  /** Seconds between two looks at the schedules: a schedule that was lost with its store is back after that at the latest. */
  readonly tendSeconds: number;
  /** Seconds between two attempts to reach a store that is away. */
  readonly retrySeconds: number;
  /** Milliseconds that running jobs are given at shutdown. */
  readonly closeMs: number;
}

const timing: ScheduledJobsTiming = { tendSeconds: 15, retrySeconds: 2, closeMs: 4_000 };
const queueName = 'scheduled';
const namePattern = /^[a-z][a-z0-9._-]{0,63}$/;

/**
 * Runs the registered jobs on BullMQ's job schedulers.
 *
 * The schedules live in the queue's store and outlive the processes, so a due time that passed while none ran is made up for
 * – by one run, however many were missed. The server starts and serves without the store; the jobs start when it is there.
 */
export class ScheduledJobs implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('ScheduledJobs');
  private readonly jobs = new Map<string, ScheduledJob>();
  private readonly stopping = new AbortController();
  private queue: JobQueue | undefined;
  private worker: JobWorker | undefined;
  private tending: Promise<void> | undefined;

  /** @param turn resolves when this process is to run the jobs; until then it leaves them to others */
  constructor(
    private readonly backend: QueueBackend,
    private readonly times: ScheduledJobsTiming = timing,
    private readonly turn: Promise<void> = Promise.resolve(),
    private readonly ran: JobRan = () => undefined,
  ) {}

  /**
   * Adds a job; to be called before the application has started, best in `onModuleInit`.
   *
   * @throws Error when the name is taken or malformed, the interval is no whole number of seconds, or it is too late:
   *   faults of the program that must stop the start
   */
  register(job: ScheduledJob): void {
    if (this.tending !== undefined) throw new Error(`the scheduled job ${job.name} was registered after the start`);
    if (!namePattern.test(job.name)) throw new Error('a scheduled job has a malformed name');
    if (!Number.isSafeInteger(job.everySeconds) || job.everySeconds < 1) {
      throw new Error(`the scheduled job ${job.name} needs a whole number of seconds`);
    }
    if (this.jobs.has(job.name)) throw new Error(`two scheduled jobs are called ${job.name}`);
    this.jobs.set(job.name, job);
  }

  /**
   * How many jobs are in which state; `undefined` where this process does not run them.
   *
   * @throws QueueUnavailable
   */
  async counts(): Promise<JobCounts | undefined> {
    return this.queue?.counts();
  }

  /** Starts the jobs without waiting for the queue's store. */
  onApplicationBootstrap(): void {
    this.tending ??= this.tend();
  }

  /** Aborts the running jobs and waits for them, before the database goes. */
  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    if (this.tending !== undefined) await endsWithin(1_000, this.tending);
    if (this.worker !== undefined && !(await this.worker.close(this.times.closeMs))) {
      this.logger.warn('a scheduled job did not end in time; it will be run again');
    }
  }

  private async tend(): Promise<void> {
    const { signal } = this.stopping;
    await Promise.race([this.turn, aborted(signal)]);
    while (!signal.aborted) {
      const seconds = (await this.tendOnce()) ? this.times.tendSeconds : this.times.retrySeconds;
      await sleep(seconds * 1_000, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  /** @returns whether the store took everything */
  private async tendOnce(): Promise<boolean> {
    try {
      if (this.worker === undefined) await this.open();
      else if (this.queue !== undefined) await this.restore(this.queue);
      return true;
    } catch (error) {
      this.logger.warn(`the schedules cannot be looked after: ${describeFault(causeOf(error))}`);
      return false;
    }
  }

  private async open(): Promise<void> {
    this.queue ??= await this.backend.openQueue(queueName);
    for (const { name } of await this.queue.schedules()) {
      if (!this.jobs.has(name)) await this.queue.unschedule(name);
    }
    for (const { name, everySeconds } of this.jobs.values()) await this.queue.schedule(name, everySeconds);
    if (this.stopping.signal.aborted) return;
    this.worker = await this.backend.openWorker(queueName, (job, signal) => this.run(job, signal), { concurrency: 4 });
  }

  /** Only what is lost: two versions of the server that run side by side do not overrule each other's intervals. */
  private async restore(queue: JobQueue): Promise<void> {
    const found = new Map((await queue.schedules()).map((schedule) => [schedule.name, schedule]));
    for (const { name, everySeconds } of this.jobs.values()) {
      const schedule = found.get(name);
      if (schedule === undefined || schedule.late) await queue.schedule(name, everySeconds);
    }
  }

  private async run(job: Job, signal: AbortSignal): Promise<void> {
    const scheduled = this.jobs.get(job.name);
    if (scheduled === undefined) {
      // It may be of another version that runs beside this one, so it gets its chances; if nobody knows it, it goes.
      if (job.lastAttempt) await this.queue?.unschedule(job.name);
      throw new Error('no job of this name is registered here');
    }
    try {
      await scheduled.run(signal);
    } catch (error) {
      this.ran(job.name, 'failed');
      throw error;
    }
    this.ran(job.name, 'done');
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? causeOf(error.cause) : error;
}
