import type { ServerAccess } from '../client/index.js';
import type { CloudEvent } from '../events/index.js';
import type { Loader, SyncedCache } from './synced-cache.js';

/** Says that there is no such resource, or no longer. */
export class StateNotFound extends Error {
  override readonly name = 'StateNotFound';

  /** @internal */
  constructor(
    readonly key: string,
    /** 404: never there; 410: deleted. */
    readonly status: number,
  ) {
    super(`there is no state of ${key}`);
  }
}

/** The key under which a cache keeps a resource. */
export function stateKey(resourceType: string, resourceId: string): string {
  return `${encodeURIComponent(resourceType)}/${encodeURIComponent(resourceId)}`;
}

/** Loads `/sync/{resource_type}/{resource_id}` with the scope `state:read`; keys are those of {@link stateKey}. */
export function stateLoader<State>({ issuer, fetch }: ServerAccess): Loader<State> {
  return async (key, etag) => {
    const response = await fetch(
      `${issuer}/sync/${key}`,
      etag === undefined ? {} : { headers: { 'if-none-match': etag } },
    );
    if (response.status === 304) return 'unchanged';
    if (response.status === 404 || response.status === 410) throw new StateNotFound(key, response.status);
    const { status } = response;
    if (!response.ok) throw Object.assign(new Error(`the state of ${key} was answered with ${status}`), { status });
    const { state, version } = (await response.json()) as { state: State; version: number };
    return { value: state, version, etag: response.headers.get('etag') ?? undefined };
  };
}

/** A handler of `state.changed` that drops what the cache holds of the resource. */
export function invalidateOnChange(cache: SyncedCache<unknown>) {
  return (event: CloudEvent): void => {
    const changed = changeOf(event);
    if (changed !== undefined) cache.invalidate(stateKey(changed.type, changed.id), changed.version);
  };
}

/** Of TanStack Query's `QueryClient`, what is used. */
interface QueryClient {
  invalidateQueries(filters: { queryKey: readonly unknown[] }): Promise<unknown>;
}

/** As {@link invalidateOnChange}, for queries of TanStack Query with the key `[resource_type, resource_id]`. */
export function invalidateQueriesOnChange(client: QueryClient) {
  return async (event: CloudEvent): Promise<void> => {
    const changed = changeOf(event);
    if (changed !== undefined) await client.invalidateQueries({ queryKey: [changed.type, changed.id] });
  };
}

function changeOf({ type, data }: CloudEvent): { type: string; id: string; version: number } | undefined {
  if (type !== 'state.changed' || typeof data !== 'object' || data === null) return undefined;
  const { resource_type: resourceType, resource_id: id, version } = data as Record<string, unknown>;
  if (typeof resourceType !== 'string' || typeof id !== 'string' || typeof version !== 'number') return undefined;
  return { type: resourceType, id, version };
}
