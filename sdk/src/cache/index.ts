// For a service that keeps what others know, and must not keep it too long.
export { invalidateOnChange, invalidateQueriesOnChange, stateKey, stateLoader, StateNotFound } from './state.js';
export {
  cacheMetrics,
  type CacheStatistics,
  createSyncedCache,
  type Loaded,
  type Loader,
  type SyncedCache,
  type SyncedCacheOptions,
} from './synced-cache.js';
