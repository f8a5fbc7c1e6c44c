/** What the queues are kept in. Both kinds keep the same contract and pass the same tests. */
export type QueueBackendKind = 'redis' | 'postgres';

/**
 * What a job carries: identifiers of rows, by name. Never a payload and never a secret, because jobs are stored in plain
 * text, and PostgreSQL's rows are the only truth.
 */
export type JobIds = Readonly<Record<string, string>>;

/** One run of a job. A job runs at least once: again after a failure, and again when its process died in the middle. */
export interface Job {
  readonly id: string;
  readonly name: string;
  readonly ids: JobIds;
  /** 1 for the first run, one more for each failed run before this one. */
  readonly attempt: number;
  /** Whether a failure of this run is final. */
  readonly lastAttempt: boolean;
}

/**
 * Does the work of a job. A rejection fails this attempt.
 *
 * @param signal aborted when the process shuts down: stop at the next safe point and reject; the job is
 *   then run elsewhere, and that was no failed attempt
 */
export type JobProcessor = (job: Job, signal: AbortSignal) => Promise<void>;

/** How a job is run. */
export interface JobOptions {
  /** Adding a job with the id of one that is still kept changes nothing. Not digits only, no `:`. */
  readonly jobId?: string;
  /** Milliseconds before the first run; default 0. Few jobs at a time only: on PostgreSQL all due ones are promoted at once. */
  readonly delayMs?: number;
  /** Most runs, the first included; default 1. */
  readonly attempts?: number;
  /** Delay in milliseconds before the second run; it doubles from run to run up to five minutes, ± 20 %. Default 1000. */
  readonly backoffMs?: number;
  /** Whether it is kept for a look when it has failed for good, and its id with it; default true. */
  readonly keepFailed?: boolean;
}

/** A job that is due again and again. */
export interface Schedule {
  readonly name: string;
  readonly everySeconds: number;
  /** The next due time, milliseconds since the epoch. */
  readonly nextRunAt: number;
  /** The due time is long past and nobody has taken the job: either no worker runs, or the job was lost. */
  readonly late: boolean;
}

/** How many jobs of a queue are in which state. */
export interface JobCounts {
  readonly waiting: number;
  readonly active: number;
  readonly delayed: number;
  readonly failed: number;
}

/** The producers' side of a queue. Every method throws {@link QueueUnavailable} when the store is away, without waiting for it. */
export interface JobQueue {
  /** Adds a job; resolves with its id. */
  add(name: string, ids: JobIds, options?: JobOptions): Promise<string>;
  /**
   * Makes sure that job `name` is due every `everySeconds`, once per due time for all processes together. A schedule that is
   * new, or has another interval, is due at once; due times missed while nobody ran are made up for by a single run.
   * One that is already so is left alone; one that is late is put back into the queue.
   */
  schedule(name: string, everySeconds: number): Promise<void>;
  schedules(): Promise<Schedule[]>;
  unschedule(name: string): Promise<void>;
  counts(): Promise<JobCounts>;
}

/** How a worker takes jobs. */
export interface WorkerOptions {
  /** Most jobs at once in this process; default 1. */
  readonly concurrency?: number;
  /** Seconds without a sign of life after which a job is taken for abandoned and given to another worker; default 30. */
  readonly lockSeconds?: number;
  /** On PostgreSQL: most connections for the worker's statements, beside the one on which it listens; default 3. */
  readonly connections?: number;
  /**
   * Is told the id of each job that succeeded in this process, once it is out of the store: from now on the same id can be added
   * again. Not called for a job that the store has lost, or given to another worker.
   */
  readonly onDone?: (jobId: string) => void;
}

/** The consumers' side of a queue. */
export interface JobWorker {
  /**
   * Takes no more jobs, aborts the signals of those that run and waits for them.
   *
   * @param deadlineMs longest wait in milliseconds; a job that takes longer is left to another process
   * @returns whether every job ended in time
   */
  close(deadlineMs: number): Promise<boolean>;
}

/** The queues of this server, on Redis or on PostgreSQL. */
export abstract class QueueBackend {
  abstract readonly kind: QueueBackendKind;

  /**
   * Opens the producers' side of a queue.
   *
   * @throws QueueUnavailable when the store is away; nothing stays open then
   */
  abstract openQueue(name: string): Promise<JobQueue>;

  /**
   * Starts to run the jobs of a queue. An outage after that is survived: the worker goes on when the store is back.
   *
   * @throws QueueUnavailable when the store is away; nothing stays open then
   */
  abstract openWorker(name: string, processor: JobProcessor, options?: WorkerOptions): Promise<JobWorker>;

  /**
   * Asks the store for a sign of life.
   *
   * @throws QueueUnavailable when there is none
   */
  abstract ping(): Promise<void>;

  /** Closes all workers, then all queues and connections; returns within about `deadlineMs` milliseconds plus a second. */
  abstract close(deadlineMs: number): Promise<void>;
}
