import { randomBytes } from 'node:crypto';
import { Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Clock } from '../clock/index.js';
import type { LimitStore, Shareable } from './limit-store.js';

/** Items of one exchange with the store. */
const maxBatch = 500;

/** Milliseconds from one exchange to the next; what is taken meanwhile goes out together. */
const pauseMs = 10;

/** Longest that an exchange may take, in milliseconds. No request waits for it. */
const exchangeMs = 250;

/** Milliseconds after a failure until the store is asked again, and how long it may take to answer then. */
const recoverMs = 1_000;
const pingMs = 2_000;

/** Milliseconds after which a process that has nothing to say shows that it is there; a third of what it is remembered for. */
const presenceMs = 5_000;

/** Items that may wait for an exchange. What is beyond is told with the next change of the same item. */
const maxWaiting = 100_000;

/**
 * Keeps the limits of several processes together. Each decides at once by what it knows itself, tells the store a few milliseconds
 * later what it has granted, and learns what all have. Nobody waits for the store: where it is away, stalled or read-only, each
 * process goes on by itself, more strictly the more of them there were.
 */
export class LimitSharing implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger('limits');
  private readonly name = randomBytes(9).toString('base64url');
  private readonly waiting = new Set<Shareable>();
  private known = 1;
  private up = false;
  private busy = false;
  private ended = false;
  private presence: NodeJS.Timeout | undefined;

  constructor(
    private readonly store: LimitStore | undefined,
    private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    if (this.store === undefined) return;
    this.presence = setInterval(() => this.wake(), presenceMs).unref();
    this.wake();
  }

  async onApplicationShutdown(): Promise<void> {
    if (this.store === undefined) return;
    clearInterval(this.presence);
    this.ended = true;
    if (this.up) await within(exchangeMs, this.store.leave(this.name)).catch(() => undefined);
    this.store.close();
  }

  /** Whether there is a store at all. */
  get isShared(): boolean {
    return this.store !== undefined;
  }

  /** Whether the store answers. */
  get isUp(): boolean {
    return this.up;
  }

  /**
   * The part of a limit that this process may grant by itself while it does not hear of the others: all together grant at most
   * twice the limit. 1 where nothing is shared.
   */
  get floor(): number {
    return Math.min(1, 2 / this.known);
  }

  /** Tells the store of `item` soon. */
  changed(item: Shareable): void {
    if (this.store === undefined || this.waiting.size >= maxWaiting) return;
    this.waiting.add(item);
    this.wake();
  }

  private wake(): void {
    if (this.busy || this.ended) return;
    this.busy = true;
    // What this turn of the event loop grants still goes along.
    setImmediate(() => void this.exchange());
  }

  private async exchange(): Promise<void> {
    const { store } = this;
    if (store === undefined || this.ended) return;
    const items: Shareable[] = [];
    for (const item of this.waiting) if (items.push(item) >= maxBatch) break;
    for (const item of items) this.waiting.delete(item);
    try {
      const answer = await within(exchangeMs, store.exchange(this.name, items));
      const now = this.clock.now();
      this.known = Math.max(1, answer.processes);
      for (const [index, item] of items.entries()) item.accept(answer.values[index] ?? 0, now);
      this.say(true);
      this.after(pauseMs, () => this.next());
    } catch (error) {
      // Perhaps it was counted: then it is counted twice, which is the stricter way to be wrong.
      for (const item of items) this.waiting.add(item);
      this.say(false, error);
      this.after(recoverMs, () => void this.recover());
    }
  }

  private next(): void {
    this.busy = false;
    if (this.waiting.size > 0) this.wake();
  }

  /** A store that stalls is asked for a sign of life only: what is sent to it is executed once it goes on. */
  private async recover(): Promise<void> {
    const { store } = this;
    if (store === undefined || this.ended) return;
    try {
      await within(pingMs, store.ping());
    } catch {
      store.reconnect();
      this.after(recoverMs, () => void this.recover());
      return;
    }
    await this.exchange();
  }

  private after(ms: number, act: () => void): void {
    if (!this.ended) setTimeout(act, ms).unref();
  }

  private say(up: boolean, error?: unknown): void {
    if (this.up === up) return;
    this.up = up;
    if (up) this.logger.log('limits are shared through Redis');
    else if (!this.ended) {
      this.logger.warn(
        `Redis does not take part: each process limits by itself (${error instanceof Error ? error.name : 'unknown'})`,
      );
    }
  }
}

async function within<Result>(ms: number, work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('too late')), ms).unref();
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    // An answer that comes too late is nobody's.
    work.catch(() => undefined);
  }
}
