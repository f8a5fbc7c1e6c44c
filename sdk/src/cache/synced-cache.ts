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
  readonly #options: SyncedCacheOptions<Value>;
  readonly #entries = new Map<string, Entry<Value>>();
  /** What is on its way; whoever is not in it any more comes too late to be kept. */
  readonly #loading = new Map<string, Promise<Value>>();
  /** Versions below which nothing is kept. */
  readonly #floors = new Map<string, { readonly version: number; readonly until: number }>();
  readonly #counts = { hits: 0, misses: 0, stale: 0, invalidations: 0 };

  constructor(options: SyncedCacheOptions<Value>) {
    this.#options = options;
  }

  /** The value of `key`. @throws what the loader throws, when there is nothing to fall back on */
  async get(key: string): Promise<Value> {
    const entry = this.#entries.get(key);
    if (entry !== undefined && performance.now() < entry.until) {
      this.#counts.hits += 1;
      return entry.value;
    }
    this.#counts.misses += 1;
    return this.#loadOnce(key);
  }

  /**
   * Drops what is kept of `key`.
   *
   * @param version of the change, where it is known: nothing older is kept from now on
   */
  invalidate(key: string, version?: number): void {
    const known = this.#entries.get(key)?.version;
    if (version !== undefined && known !== undefined && known >= version) return;
    this.#counts.invalidations += 1;
    this.#loading.delete(key);
    this.#entries.delete(key);
    if (version !== undefined) {
      const floor = Math.max(version, this.#floors.get(key)?.version ?? version);
      this.#floors.set(key, { version: floor, until: performance.now() + this.#ttlMs });
      this.#forgetOldest(this.#floors);
    }
  }

  /** Drops everything, as after a gap in the stream of events. */
  clear(): void {
    this.#counts.invalidations += 1;
    this.#loading.clear();
    this.#entries.clear();
  }

  /** What it did so far. */
  statistics(): CacheStatistics {
    return { ...this.#counts, size: this.#entries.size };
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

  get #ttlMs(): number {
    return (this.#options.ttlSeconds ?? 300) * 1000;
  }

  #loadOnce(key: string): Promise<Value> {
    let loading = this.#loading.get(key);
    if (loading === undefined) {
      const isCurrent = () => this.#loading.get(key) === loading;
      loading = this.#load(key, isCurrent).finally(() => {
        if (isCurrent()) this.#loading.delete(key);
      });
      this.#loading.set(key, loading);
    }
    return loading;
  }

  async #load(key: string, isCurrent: () => boolean): Promise<Value> {
    const old = this.#entries.get(key);
    try {
      const loaded = await this.#options.load(key, old?.etag);
      if (loaded === 'unchanged' && old === undefined) {
        throw new Error('the loader says "unchanged" of what was never loaded');
      }
      const fresh = loaded === 'unchanged' ? (old as Entry<Value>) : loaded;
      if (isCurrent()) this.#keep(key, fresh);
      return fresh.value;
    } catch (error) {
      const staleMs = (this.#options.staleIfErrorSeconds ?? 0) * 1000;
      if (old === undefined || this.#entries.get(key) !== old || performance.now() >= old.until + staleMs) throw error;
      this.#counts.stale += 1;
      return old.value;
    }
  }

  #keep(key: string, { value, etag, version }: Loaded<Value>): void {
    const floor = this.#floors.get(key);
    if (floor !== undefined && performance.now() < floor.until && version !== undefined && version < floor.version)
      return;
    this.#entries.delete(key);
    this.#entries.set(key, { value, etag, version, until: performance.now() + this.#ttlMs });
    this.#forgetOldest(this.#entries);
  }

  #forgetOldest(map: Map<string, unknown>): void {
    if (map.size <= (this.#options.capacity ?? 10_000)) return;
    const oldest = map.keys().next();
    if (oldest.done !== true) map.delete(oldest.value);
  }
}

/** Makes a {@link SyncedCache}. */
export function createSyncedCache<Value>(options: SyncedCacheOptions<Value>): SyncedCache<Value> {
  return new SyncedCache(options);
}
