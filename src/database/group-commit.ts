import { traced, untraced } from '../measurements/index.js';
import type { BatchMeasures } from './batch-measures.js';
import { DatabaseUnavailable } from './database-unavailable.js';

/** How a {@link GroupCommit} gathers and writes. */
export interface GroupCommitOptions<Item, Result> {
  /** Most items in one commit. */
  readonly maxBatch: number;
  /** Most items that may wait; one more is refused with {@link DatabaseUnavailable}, so that memory stays bounded. */
  readonly maxQueued: number;
  /** Writes all items in one transaction and gives one result per item, in order. */
  readonly commit: (items: readonly Item[]) => Promise<readonly Result[]>;
  /** How many items are on their way and worth waiting for; without it a commit starts as soon as the one before is done. */
  readonly expected?: () => number;
  /** Longest that a first item waits for expected ones, in milliseconds. */
  readonly maxWaitMs?: number;
  /** Is told of each batch; see `Batches`. */
  readonly measures?: BatchMeasures;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/** A batch that fails because the database is away after so many milliseconds has waited for a database that does not answer. */
const unansweredMs = 1_000;

/**
 * Group commit: while one batch is being written, arrivals queue up and go out together in the next. Each caller is answered
 * after the commit that holds its item.
 *
 * A batch that fails for a reason of its own (not because the database is away) is written again item by item, so that one
 * bad item fails alone. When the database does not answer a batch at all, what has queued up behind it fails with it: it would
 * wait as long once more, and has waited already.
 */
export class GroupCommit<Item, Result> {
  private queue: Waiting<Item, Result>[] = [];
  private writing = false;
  private timer: NodeJS.Timeout | undefined;
  private idle: (() => void)[] = [];
  /** When the first of those that wait began to. */
  private waitingSince = 0;

  constructor(private readonly options: GroupCommitOptions<Item, Result>) {}

  /**
   * Queues `item`; resolves after the commit that holds it.
   *
   * @throws DatabaseUnavailable when too many wait already, or the database is away
   */
  add(item: Item): Promise<Result> {
    if (this.queue.length >= this.options.maxQueued) {
      this.options.measures?.refused();
      return Promise.reject(new DatabaseUnavailable());
    }
    if (this.queue.length === 0) this.waitingSince = performance.now();
    return traced('batch', () => {
      return new Promise<Result>((resolve, reject) => {
        this.queue.push({ item, resolve, reject });
        this.startWhenReady();
      });
    });
  }

  /** To be called when an expected item will not come after all. */
  expectLess(): void {
    if (this.queue.length > 0) this.startWhenReady();
  }

  /** Resolves once nothing waits and nothing is being written. */
  drained(): Promise<void> {
    if (!this.writing && this.queue.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  private startWhenReady(): void {
    if (this.writing) return;
    const { expected, maxBatch, maxWaitMs } = this.options;
    if (expected !== undefined && expected() > 0 && this.queue.length < maxBatch) {
      this.timer ??= setTimeout(() => this.start(), maxWaitMs ?? 2);
      return;
    }
    this.start();
  }

  private start(): void {
    if (this.timer !== undefined) {
      clearTimeout(this.timer);
      this.timer = undefined;
    }
    if (this.writing || this.queue.length === 0) return;
    this.writing = true;
    // Everything that arrives in this turn of the event loop still joins the batch.
    untraced(() => setImmediate(() => void this.writeNext()));
  }

  private async writeNext(): Promise<void> {
    const batch = this.queue.length > this.options.maxBatch ? this.queue.splice(0, this.options.maxBatch) : this.queue;
    if (batch === this.queue) this.queue = [];
    const begin = performance.now();
    this.options.measures?.began(batch.length, begin - this.waitingSince);
    const outage = await this.write(batch);
    const durationMs = performance.now() - begin;
    this.options.measures?.ended(durationMs);
    if (outage !== undefined && durationMs >= unansweredMs) {
      for (const { reject } of this.queue.splice(0)) reject(outage);
    }
    this.writing = false;
    if (this.queue.length > 0) this.startWhenReady();
    else for (const resolve of this.idle.splice(0)) resolve();
  }

  /** @returns why the database is away, if it is */
  private async write(batch: readonly Waiting<Item, Result>[]): Promise<DatabaseUnavailable | undefined> {
    try {
      const results = await this.options.commit(batch.map(({ item }) => item));
      batch.forEach(({ resolve }, index) => resolve(results[index] as Result));
      return undefined;
    } catch (error) {
      if (batch.length === 1 || error instanceof DatabaseUnavailable) {
        for (const { reject } of batch) reject(error);
        return error instanceof DatabaseUnavailable ? error : undefined;
      }
      let outage: DatabaseUnavailable | undefined;
      for (const waiting of batch) outage = await this.write([waiting]);
      return outage;
    }
  }
}
