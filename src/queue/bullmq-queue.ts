import type { JobSchedulerJson, JobsOptions, Queue } from 'bullmq';
import { checkJobIds } from './job-ids.js';
import type { JobCounts, JobIds, JobOptions, JobQueue, Schedule } from './queue-backend.js';
import { QueueUnavailable } from './queue-unavailable.js';

/** The part of BullMQ's queue that is used; the same on every store. */
export type BullMqProducer = Pick<
  Queue<JobIds, void>,
  | 'add'
  | 'upsertJobScheduler'
  | 'getJobScheduler'
  | 'getJobSchedulers'
  | 'removeJobScheduler'
  | 'getJobCounts'
  | 'close'
>;

/** Runs `work` while no other process does the like. */
export type Alone = (work: () => Promise<void>) => Promise<void>;

/** How long a due job may stay untouched before it is taken for lost. */
const lateAfterMs = 5_000;

/** Few failed jobs are kept for a look; finished ones never, because history is kept in tables of our own. */
const retention = { removeOnComplete: true, removeOnFail: { count: 50 } } as const;

const scheduleOptions: JobsOptions = { ...retention, attempts: 5, backoff: { type: 'custom', delay: 1_000 } };

/** {@link JobQueue} on BullMQ. */
export class BullMqQueue implements JobQueue {
  private closed = false;

  constructor(
    private readonly queue: BullMqProducer,
    private readonly alone: Alone,
  ) {}

  async add(name: string, ids: JobIds, options: JobOptions = {}): Promise<string> {
    const data = checkJobIds(ids);
    const { jobId, delayMs = 0, attempts = 1, backoffMs = 1_000, keepFailed = true } = options;
    const job = await this.available(() =>
      this.queue.add(name, data, {
        ...retention,
        ...(jobId === undefined ? {} : { jobId }),
        ...(keepFailed ? {} : { removeOnFail: true }),
        delay: Math.round(delayMs),
        attempts,
        backoff: { type: 'custom', delay: backoffMs },
      }),
    );
    return job.id ?? '';
  }

  async schedule(name: string, everySeconds: number): Promise<void> {
    await this.available(async () => {
      if (await this.isScheduled(name, everySeconds)) return;
      await this.alone(async () => {
        if (await this.isScheduled(name, everySeconds)) return;
        await this.queue.upsertJobScheduler(name, { every: everySeconds * 1_000 }, { name, opts: scheduleOptions });
      });
    });
  }

  async schedules(): Promise<Schedule[]> {
    const found = await this.available(() => this.queue.getJobSchedulers());
    return found.map(toSchedule).filter((schedule) => schedule !== undefined);
  }

  async unschedule(name: string): Promise<void> {
    await this.available(() => this.queue.removeJobScheduler(name));
  }

  async counts(): Promise<JobCounts> {
    const counts = await this.available(() => this.queue.getJobCounts('waiting', 'active', 'delayed', 'failed'));
    const of = (state: string) => counts[state] ?? 0;
    return { waiting: of('waiting'), active: of('active'), delayed: of('delayed'), failed: of('failed') };
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.queue.close();
  }

  private async isScheduled(name: string, everySeconds: number): Promise<boolean> {
    const found = await this.queue.getJobScheduler(name);
    const schedule = found === undefined ? undefined : toSchedule(found);
    return schedule?.everySeconds === everySeconds && !schedule.late;
  }

  /** Arguments are checked before, so whatever BullMQ throws comes from the store. */
  private async available<T>(call: () => Promise<T>): Promise<T> {
    // On PostgreSQL, BullMQ never answers a call to a queue that is closed.
    if (this.closed) throw new QueueUnavailable();
    try {
      return await call();
    } catch (error) {
      throw error instanceof QueueUnavailable ? error : new QueueUnavailable(error);
    }
  }
}

function toSchedule(found: JobSchedulerJson<JobIds>): Schedule | undefined {
  const { key, every, next } = found;
  if (every === undefined || typeof next !== 'number') return undefined;
  // BullMQ counts due times by the clock of the application, so lateness is judged by the same.
  return { name: key, everySeconds: every / 1_000, nextRunAt: next, late: next + lateAfterMs < Date.now() };
}
