import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Postgres } from '../database/index.js';

/** Milliseconds between two looks at the feed while somebody waits. */
const lookMs = 400;

const selectHead = {
  name: 'state_feed_head',
  text: 'SELECT position::text AS position FROM state_feed WHERE id',
  values: [],
} as const;

interface Waiter {
  readonly position: number;
  readonly end: () => void;
}

/**
 * Waits for the feed to go on. Changes of this process are told at once; those of others are seen by one look for all who
 * wait, however many.
 */
@Injectable()
export class FeedWatch implements OnModuleDestroy {
  private readonly waiters = new Set<Waiter>();
  private readonly stopping = new AbortController();
  /** The newest position that is known. */
  private head = 0;
  private looking = false;

  constructor(@Inject(Postgres) private readonly postgres: Postgres) {}

  /** How many wait. */
  get waiting(): number {
    return this.waiters.size;
  }

  /** Whether the server is about to end, and nobody is to wait any more. */
  get ended(): boolean {
    return this.stopping.signal.aborted;
  }

  /** Before the server waits for its open requests: each of them is to be answered now. */
  onModuleDestroy(): void {
    this.stopping.abort();
    for (const { end } of this.waiters) end();
  }

  /** Says that changes up to `position` are committed. */
  advanced(position: number): void {
    if (position <= this.head) return;
    this.head = position;
    for (const waiter of this.waiters) if (waiter.position < position) waiter.end();
  }

  /** Says that the feed ends at `position` after all: a database that fell back has less than was known. */
  endsAt(position: number): void {
    this.head = Math.min(this.head, position);
  }

  /**
   * Resolves when there are changes after `position`, or `ms` are over, or `closed` is aborted, or the server ends. Which of
   * these it was, is for the caller to see.
   */
  async wait(position: number, ms: number, closed: AbortSignal): Promise<void> {
    if (this.head > position || this.ended || closed.aborted) return;
    await new Promise<void>((resolve) => {
      const waiter: Waiter = {
        position,
        end: () => {
          clearTimeout(timer);
          closed.removeEventListener('abort', waiter.end);
          this.waiters.delete(waiter);
          resolve();
        },
      };
      const timer = setTimeout(waiter.end, ms);
      closed.addEventListener('abort', waiter.end);
      this.waiters.add(waiter);
      void this.look();
    });
  }

  private async look(): Promise<void> {
    if (this.looking) return;
    this.looking = true;
    const { signal } = this.stopping;
    while (this.waiters.size > 0) {
      await sleep(lookMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (this.waiters.size === 0 || signal.aborted) break;
      // A database that is away is one that has nothing new.
      const [row] = await this.postgres.query<{ position: string }>(selectHead).catch(() => []);
      if (row !== undefined) this.advanced(Number(row.position));
    }
    this.looking = false;
  }
}
