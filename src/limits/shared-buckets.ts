import type { LimitSharing } from './limit-sharing.js';
import type { Grant, Shareable } from './limit-store.js';

/** Milliseconds after which what is known of the others is no longer relied on. */
const staleMs = 1_000;

/**
 * Token buckets by key that processes share, at most `capacity` of them here: the one that was used longest ago is forgotten
 * first.
 */
export class SharedBuckets {
  private readonly buckets = new Map<string, Bucket>();

  /** @param prefix of the names of these buckets in the store */
  constructor(
    private readonly prefix: string,
    private readonly capacity: number,
    private readonly sharing: LimitSharing,
  ) {}

  /**
   * Takes one token from the bucket of `key`.
   *
   * @param perMinute size of the bucket, and how much flows in per minute
   * @param now milliseconds since the epoch
   * @returns 0 when there was one, else the whole seconds after which there will be
   */
  take(key: string, perMinute: number, now: number): number {
    const bucket = this.bucket(key, perMinute, now);
    const wait = this.waitFor(bucket, perMinute, now);
    if (wait > 0) return wait;
    bucket.take(perMinute);
    if (this.sharing.isShared) this.sharing.changed(bucket);
    return 0;
  }

  /** What `take` would say; takes nothing. */
  wait(key: string, perMinute: number, now: number): number {
    const bucket = this.buckets.get(key);
    return bucket === undefined ? 0 : this.waitFor(bucket, perMinute, now);
  }

  /** How many buckets are kept. */
  get size(): number {
    return this.buckets.size;
  }

  private waitFor(bucket: Bucket, perMinute: number, now: number): number {
    const { sharing } = this;
    const alone = sharing.isShared && !sharing.isUp;
    const rate = alone ? Math.max(1, perMinute * sharing.floor) : perMinute;
    bucket.refill(rate, now);
    if (sharing.isUp && now - bucket.heardAt > staleMs) bucket.limit(Math.max(1, perMinute * sharing.floor));
    return bucket.level >= 1 ? 0 : Math.max(1, Math.ceil(((1 - bucket.level) * 60) / rate));
  }

  private bucket(key: string, perMinute: number, now: number): Bucket {
    const known = this.buckets.get(key);
    // The order of a Map is that of insertion, the oldest is the first; it matters once some are to be forgotten.
    if (known !== undefined && this.buckets.size * 2 < this.capacity) return known;
    const bucket = known ?? new Bucket(this.prefix + key, perMinute, now);
    if (known !== undefined) this.buckets.delete(key);
    this.buckets.set(key, bucket);
    if (this.buckets.size > this.capacity) this.forgetOldest();
    return bucket;
  }

  private forgetOldest(): void {
    const oldest = this.buckets.keys().next();
    if (oldest.done !== true) this.buckets.delete(oldest.value);
  }
}

class Bucket implements Shareable {
  level: number;
  heardAt = -Infinity;
  /** Granted, and not yet known to the store. */
  private untold = 0;
  /** The part of it that is under way. */
  private underWay = 0;

  constructor(
    readonly key: string,
    private perMinute: number,
    private at: number,
  ) {
    this.level = perMinute;
  }

  refill(perMinute: number, now: number): void {
    // A clock that was set back must not drain a bucket.
    const elapsed = Math.max(0, now - this.at);
    this.level = Math.min(perMinute, this.level + (elapsed * perMinute) / 60_000);
    this.at = now;
  }

  limit(most: number): void {
    this.level = Math.min(this.level, most);
  }

  take(perMinute: number): void {
    this.perMinute = perMinute;
    this.level -= 1;
    this.untold += 1;
  }

  told(): Grant {
    this.underWay = this.untold;
    return { kind: 'bucket', perMinute: this.perMinute, taken: this.untold, level: this.level };
  }

  accept(value: number, now: number): void {
    this.untold -= this.underWay;
    this.underWay = 0;
    this.level = value - this.untold;
    this.at = now;
    this.heardAt = now;
  }
}
