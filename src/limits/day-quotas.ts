import { Inject, Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { LimitSharing } from './limit-sharing.js';
import type { Grant, Shareable } from './limit-store.js';
import { TokensOfDay } from './tokens-of-day.js';

const dayMs = 86_400_000;

/** Clients that are counted; the one that began its day longest ago is forgotten first. */
const capacity = 50_000;

/** Milliseconds between two looks into the statistics, and the clients that one look is about. */
const lookEveryMs = 10_000;
const clientsOfLook = 1_000;

/**
 * Requests per client and day of UTC. A process counts by itself, together with the others where there is a store for that, and
 * never less than the statistics have counted: so a restart forgets the last seconds only.
 */
@Injectable()
export class DayQuotas implements OnModuleInit, OnApplicationShutdown {
  private readonly counts = new Map<string, DayCount>();
  /** Used since the last look. */
  private used = new Set<string>();
  private looking = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(LimitSharing) private readonly sharing: LimitSharing,
    @Inject(TokensOfDay) private readonly tokens: TokensOfDay,
  ) {}

  onModuleInit(): void {
    this.timer = setInterval(() => void this.look(), lookEveryMs).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /**
   * @param perDay requests per day of UTC
   * @param now milliseconds since the epoch
   * @returns 0 when there is one left, else the seconds until the next day
   */
  wait(clientId: string, perDay: number, now: number): number {
    const count = this.count(clientId, now);
    const { sharing } = this;
    const share = sharing.isShared && !sharing.isUp ? Math.max(1, (perDay - count.known) * sharing.floor) : Infinity;
    if (count.total < perDay && count.untold < share) return 0;
    return Math.max(1, Math.ceil((count.day + dayMs - now) / 1_000));
  }

  /** Counts a request. */
  take(clientId: string, now: number): void {
    const count = this.count(clientId, now);
    count.untold += 1;
    this.used.add(clientId);
    if (this.sharing.isShared) this.sharing.changed(count);
  }

  /** How many clients are counted. */
  get size(): number {
    return this.counts.size;
  }

  /** Reads what the statistics have counted of the clients that were active since the last time. */
  async look(): Promise<void> {
    if (this.looking || this.used.size === 0) return;
    this.looking = true;
    const clientIds = [...this.used];
    this.used = new Set();
    try {
      for (let first = 0; first < clientIds.length; first += clientsOfLook) {
        await this.lookAt(clientIds.slice(first, first + clientsOfLook));
      }
    } catch {
      // The database is away: the next look sees more.
      for (const clientId of clientIds) this.used.add(clientId);
    } finally {
      this.looking = false;
    }
  }

  private async lookAt(clientIds: readonly string[]): Promise<void> {
    const counts = clientIds.flatMap((clientId) => this.counts.get(clientId) ?? []);
    for (const day of new Set(counts.map((count) => count.day))) {
      const ofDay = counts.filter((count) => count.day === day);
      const issued = await this.tokens.issuedOn(
        day,
        ofDay.map(({ clientId }) => clientId),
      );
      for (const count of ofDay) count.atLeast(issued.get(count.clientId) ?? 0);
    }
  }

  private count(clientId: string, now: number): DayCount {
    const day = Math.floor(now / dayMs) * dayMs;
    const known = this.counts.get(clientId);
    if (known !== undefined && known.day >= day) return known;
    const count = new DayCount(clientId, day);
    this.counts.delete(clientId);
    this.counts.set(clientId, count);
    if (this.counts.size > capacity) this.forgetOldest();
    this.used.add(clientId);
    setImmediate(() => void this.look());
    return count;
  }

  private forgetOldest(): void {
    const oldest = this.counts.keys().next();
    if (oldest.done !== true) this.counts.delete(oldest.value);
  }
}

class DayCount implements Shareable {
  readonly key: string;
  /** What all have counted, but for `untold`. */
  known = 0;
  /** Counted here, and not yet known to the store; without a store, all that was counted here. */
  untold = 0;
  private underWay = 0;

  constructor(
    readonly clientId: string,
    readonly day: number,
  ) {
    this.key = `d:${day / dayMs}:${clientId}`;
  }

  get total(): number {
    return this.known + this.untold;
  }

  atLeast(total: number): void {
    this.known = Math.max(this.known, total - this.untold);
  }

  told(): Grant {
    this.underWay = this.untold;
    return { kind: 'day', taken: this.untold, known: this.known };
  }

  accept(value: number): void {
    this.untold -= this.underWay;
    this.underWay = 0;
    this.known = value;
  }
}
