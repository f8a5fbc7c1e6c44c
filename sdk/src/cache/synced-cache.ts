import { expiringMap } from '../client/expiring-map.js';
import { monotonic } from '../client/monotonic.js';

/** What a loader gives. */
export interface Loaded<Value> {
  value: Value;
  /** Asked about again with this, where the source knows it. */
  etag?: string | undefined;
  /** Grows with each change; an answer older than what is known of is not kept. */
  version?: number | undefined;
}

/** Loads one value; `unchanged` when the one with `etag` is still right. */
export type Loader<Value> = (key: string, etag: string | undefined) => Promise<Loaded<Value> | 'unchanged'>;

/** How {@link createSyncedCache} works. */
export interface SyncedCacheOptions<Value> {
  load: Loader<Value>;
  /** 300 unless given. */
  ttlSeconds?: number;
  /** Most values that are kept; 10000 unless given. */
  capacity?: number;
  /** Seconds after its end that a value may serve while the source fails; 0 unless given. A `status` of 4xx in its error is no failure. */
  staleIfErrorSeconds?: number;
}

/** Counted since the beginning; `size` is now. */
export interface CacheStatistics {
  hits: number;
  misses: number;
  /** Served beyond their time because the source failed. */
  stale: number;
  invalidations: number;
  size: number;
}

/**
 * A read-through cache: a value is loaded once however many wait for it, asked about again by its ETag when its time is over, and
 * dropped when an event says that it changed; an answer that was on its way then is not kept.
 */
export interface SyncedCache<Value> {
  /** The value of `key`. @throws what the loader throws, when there is nothing to fall back on */
  get(key: string): Promise<Value>;
  /**
   * Drops what is kept of `key`.
   *
   * @param version of the change, where it is known: nothing older is kept from now on
   */
  invalidate(key: string, version?: number): void;
  /** Drops everything, as after a gap in the stream of events. */
  clear(): void;
  /** What it did so far. */
  statistics(): CacheStatistics;
  /** {@link cacheMetrics} of this cache alone. @param name of the cache: its label */
  prometheus(name: string): string;
}

/** Makes a {@link SyncedCache}. */
export function createSyncedCache<Value>(options: SyncedCacheOptions<Value>): SyncedCache<Value> {
  const counts = { hits: 0, misses: 0, stale: 0, invalidations: 0 };
  const kept = keeper<Value>(options);
  /** What is on its way; whoever is not in it any more comes too late to be kept. */
  const loading = new Map<string, Promise<Value>>();

  const load = async (key: string, isCurrent: () => boolean): Promise<Value> => {
    const old = kept.get(key);
    try {
      const loaded = await options.load(key, old?.etag);
      const fresh = loaded === 'unchanged' ? old : loaded;
      if (fresh === undefined) throw new Error('the loader says "unchanged" of what was never loaded');
      if (isCurrent()) kept.keep(key, fresh);
      return fresh.value;
    } catch (error) {
      if (isAnswer(error) && kept.get(key) === old) kept.delete(key);
      const staleMs = (options.staleIfErrorSeconds ?? 0) * 1000;
      if (old === undefined || kept.get(key) !== old || monotonic() >= old.until + staleMs) throw error;
      counts.stale += 1;
      return old.value;
    }
  };
  const cache: SyncedCache<Value> = {
    get: async (key) => {
      const entry = kept.get(key);
      if (entry !== undefined && monotonic() < entry.until) {
        counts.hits += 1;
        return entry.value;
      }
      counts.misses += 1;
      const known = loading.get(key);
      if (known !== undefined) return known;
      const isCurrent = () => loading.get(key) === mine;
      const mine = load(key, isCurrent).finally(() => isCurrent() && loading.delete(key));
      loading.set(key, mine);
      return mine;
    },
    invalidate: (key, version) => {
      if (!kept.drop(key, version)) return;
      counts.invalidations += 1;
      loading.delete(key);
    },
    clear: () => {
      counts.invalidations += 1;
      loading.clear();
      kept.clear();
    },
    statistics: () => ({ ...counts, size: kept.size() }),
    prometheus: (name) => cacheMetrics({ [name]: cache }),
  };
  return cache;
}

/** Whether it is the word of the source, such as "gone" or "not for you", and no failure of it: what was kept is wrong then. */
function isAnswer(error: unknown): boolean {
  const { status } = Object(error) as { status?: unknown };
  return typeof status === 'number' && status >= 400 && status < 500 && status !== 408 && status !== 429;
}

interface Entry<Value> extends Loaded<Value> {
  /** By the monotonic clock. */
  readonly until: number;
}

/** The entries, and the versions below which nothing becomes one. */
function keeper<Value>({ ttlSeconds = 300, capacity = 10_000 }: SyncedCacheOptions<Value>) {
  const ttlMs = ttlSeconds * 1000;
  const entries = expiringMap<Entry<Value>>(capacity);
  const floors = expiringMap<number>(capacity);
  return {
    ...entries,
    keep: (key: string, { value, etag, version }: Loaded<Value>): void => {
      if (version !== undefined && version < (floors.get(key) ?? 0)) return;
      entries.set(key, { value, etag, version, until: monotonic() + ttlMs });
    },
    /** @returns whether it was not known already */
    drop: (key: string, version?: number): boolean => {
      const known = entries.get(key)?.version;
      if (version !== undefined) {
        if (known !== undefined && known >= version) return false;
        floors.set(key, Math.max(version, floors.get(key) ?? 0), ttlMs);
      }
      entries.delete(key);
      return true;
    },
  };
}

/** The statistics of caches in the text format of Prometheus. @param caches by name: their label */
export function cacheMetrics(caches: Readonly<Record<string, Pick<SyncedCache<unknown>, 'statistics'>>>): string {
  const all = Object.entries(caches).map(([name, cache]) => ({ label: JSON.stringify(name), ...cache.statistics() }));
  const kinds = ['hits', 'misses', 'stale', 'invalidations', 'size'] as const;
  return kinds
    .flatMap((kind) => {
      const [name, type] = kind === 'size' ? [kind, 'gauge'] : [`${kind}_total`, 'counter'];
      const samples = all.map(({ label, [kind]: count }) => `signet_cache_${name}{cache=${label}} ${count}\n`);
      return [`# TYPE signet_cache_${name} ${type}\n`, ...samples];
    })
    .join('');
}
