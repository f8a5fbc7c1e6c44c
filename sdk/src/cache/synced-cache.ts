/** What a loader gives. */
export interface Loaded<Value> {
  readonly value: Value;
  /** Asked about again with this, where the source knows it. */
  readonly etag?: string | undefined;
  /** Grows with each change; an answer older than what is known of is not kept. */
  readonly version?: number | undefined;
}

/** Loads one value; `unchanged` when the one with `etag` is still right. */
export type Loader<Value> = (key: string, etag: string | undefined) => Promise<Loaded<Value> | 'unchanged'>;

/** How {@link createSyncedCache} works. */
export interface SyncedCacheOptions<Value> {
  readonly load: Loader<Value>;
  /** 300 unless given. */
  readonly ttlSeconds?: number;
  /** Most values that are kept; 10000 unless given. */
  readonly capacity?: number;
  /** Seconds after its end that a value may serve while the source fails; 0 unless given. */
  readonly staleIfErrorSeconds?: number;
}

/** Counted since the beginning; `size` is now. */
export interface CacheStatistics {
  readonly hits: number;
  readonly misses: number;
  /** Served beyond their time because the source failed. */
  readonly stale: number;
  readonly invalidations: number;
  readonly size: number;
}

interface Entry<Value> {
  value: Value;
  etag: string | undefined;
  version: number | undefined;
  /** By the monotonic clock. */
  until: number;
}

/**
 * A read-through cache: a value is loaded once however many wait for it, asked about again by its ETag when its time is over, and
 * dropped at once when an event says that it changed. An answer that was on its way when such an event came is not kept.
 */
export class SyncedCache<Value> {
  private readonly entries = new Map<string, Entry<Value>>();
  private readonly loading = new Map<string, Promise<Value>>();
  /** Versions below which nothing is kept, and marks against answers on their way. */
  private readonly floors = new Map<string, { readonly version: number; readonly until: number }>();
  private readonly marks = new Map<string, number>();
  private epoch = 0;
  private readonly counts = { hits: 0, misses: 0, stale: 0, invalidations: 0 };

  constructor(private readonly options: SyncedCacheOptions<Value>) {}

  /** The value of `key`. @throws what the loader throws, when there is nothing to fall back on */
  async get(key: string): Promise<Value> {
    const entry = this.entries.get(key);
    if (entry !== undefined && performance.now() < entry.until) {
      this.counts.hits += 1;
      return entry.value;
    }
    this.counts.misses += 1;
    return this.loadOnce(key);
  }

  /**
   * Drops what is kept of `key`.
   *
   * @param version of the change, where it is known: nothing older is kept from now on
   */
  invalidate(key: string, version?: number): void {
    const known = this.entries.get(key)?.version;
    if (version !== undefined && known !== undefined && known >= version) return;
    this.counts.invalidations += 1;
    this.epoch += 1;
    if (this.loading.has(key)) this.marks.set(key, this.epoch);
    this.loading.delete(key);
    this.entries.delete(key);
    if (version !== undefined) {
      this.floors.set(key, { version, until: performance.now() + this.ttlMs });
      this.forgetOldest(this.floors);
    }
  }

  /** Drops everything, as after a gap in the stream of events. */
  clear(): void {
    this.counts.invalidations += 1;
    this.epoch += 1;
    for (const key of this.loading.keys()) this.marks.set(key, this.epoch);
    this.loading.clear();
    this.entries.clear();
  }

  /** What it did so far. */
  statistics(): CacheStatistics {
    return { ...this.counts, size: this.entries.size };
  }

  /** The statistics in the text format of Prometheus. @param name of the cache: its label */
  prometheus(name: string): string {
    const { size, ...counters } = this.statistics();
    const label = `{cache=${JSON.stringify(name)}}`;
    const lines = Object.entries(counters).flatMap(([kind, count]) => [
      `# TYPE signet_cache_${kind}_total counter`,
      `signet_cache_${kind}_total${label} ${count}`,
    ]);
    return [...lines, '# TYPE signet_cache_size gauge', `signet_cache_size${label} ${size}`, ''].join('\n');
  }

  private get ttlMs(): number {
    return (this.options.ttlSeconds ?? 300) * 1000;
  }

  private loadOnce(key: string): Promise<Value> {
    let loading = this.loading.get(key);
    if (loading === undefined) {
      loading = this.loadNow(key).finally(() => {
        if (this.loading.get(key) === loading) this.loading.delete(key);
      });
      this.loading.set(key, loading);
    }
    return loading;
  }

  private async loadNow(key: string): Promise<Value> {
    const begun = this.epoch;
    const old = this.entries.get(key);
    try {
      const loaded = await this.options.load(key, old?.etag);
      const mayKeep = (this.marks.get(key) ?? 0) <= begun;
      if (mayKeep) this.marks.delete(key);
      if (loaded !== 'unchanged') {
        if (mayKeep) this.keep(key, loaded);
        return loaded.value;
      }
      if (old === undefined) throw new Error('the loader says "unchanged" of what was never loaded');
      if (mayKeep) this.keep(key, old);
      return old.value;
    } catch (error) {
      const staleMs = (this.options.staleIfErrorSeconds ?? 0) * 1000;
      if (old === undefined || this.entries.get(key) !== old || performance.now() >= old.until + staleMs) throw error;
      this.counts.stale += 1;
      return old.value;
    }
  }

  private keep(key: string, { value, etag, version }: Loaded<Value>): void {
    const floor = this.floors.get(key);
    if (floor !== undefined && performance.now() < floor.until && version !== undefined && version < floor.version)
      return;
    this.entries.delete(key);
    this.entries.set(key, { value, etag, version, until: performance.now() + this.ttlMs });
    this.forgetOldest(this.entries);
  }

  private forgetOldest(map: Map<string, unknown>): void {
    if (map.size <= (this.options.capacity ?? 10_000)) return;
    const oldest = map.keys().next();
    if (oldest.done !== true) map.delete(oldest.value);
  }
}

/** Makes a {@link SyncedCache}. */
export function createSyncedCache<Value>(options: SyncedCacheOptions<Value>): SyncedCache<Value> {
  return new SyncedCache(options);
}
