interface Bucket {
  level: number;
  at: number;
}

/**
 * Token buckets by key, at most `capacity` of them: the one that was used longest ago is forgotten first, so that a million
 * unknown keys cost no more memory than `capacity` known ones.
 */
export class TokenBuckets {
  private readonly buckets = new Map<string, Bucket>();

  constructor(private readonly capacity: number) {}

  /**
   * Takes one token from the bucket of `key`.
   *
   * @param perMinute size of the bucket, and how much flows in per minute
   * @param now milliseconds since the epoch
   * @returns 0 when there was one, else the whole seconds after which there will be
   */
  take(key: string, perMinute: number, now: number): number {
    const level = this.levelOf(key, perMinute, now);
    const granted = level >= 1;
    this.buckets.delete(key);
    this.buckets.set(key, { level: granted ? level - 1 : level, at: now });
    if (this.buckets.size > this.capacity) this.forgetOldest();
    return granted ? 0 : Math.max(1, Math.ceil(((1 - level) * 60) / perMinute));
  }

  /** How many buckets are kept. */
  get size(): number {
    return this.buckets.size;
  }

  private levelOf(key: string, perMinute: number, now: number): number {
    const bucket = this.buckets.get(key);
    if (bucket === undefined) return perMinute;
    // A clock that was set back must not drain a bucket.
    const elapsed = Math.max(0, now - bucket.at);
    return Math.min(perMinute, bucket.level + (elapsed * perMinute) / 60_000);
  }

  private forgetOldest(): void {
    const oldest = this.buckets.keys().next();
    if (oldest.done !== true) this.buckets.delete(oldest.value);
  }
}
