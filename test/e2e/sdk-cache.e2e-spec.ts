import {
  cacheMetrics,
  createSyncedCache,
  invalidateOnChange,
  invalidateQueriesOnChange,
  type Loaded,
  stateKey,
  stateLoader,
} from '../../sdk/src/cache/index.js';
import type { CloudEvent } from '../../sdk/src/events/index.js';

/** A source whose answers wait until they are let go. */
function source() {
  const asked: (string | undefined)[] = [];
  let gate: Promise<void> = Promise.resolve();
  let open = () => undefined as void;
  const state = { value: 'one', version: 1, failing: false };
  return {
    asked,
    state,
    hold: () => {
      gate = new Promise((resolve) => {
        open = resolve;
      });
    },
    release: () => open(),
    load: async (_: string, etag: string | undefined): Promise<Loaded<string> | 'unchanged'> => {
      asked.push(etag);
      const { value, version, failing } = { ...state };
      await gate;
      if (failing) throw new Error('the source is away');
      return etag === `"${version}"` ? 'unchanged' : { value, version, etag: `"${version}"` };
    },
  };
}

const changed = (version: number): CloudEvent => ({
  specversion: '1.0',
  id: String(version),
  source: 'https://signet.example.com',
  type: 'state.changed',
  data: { resource_type: 'order', resource_id: 'a/b', version, deleted: false },
});
const key = stateKey('order', 'a/b');

describe('createSyncedCache', () => {
  it('loads once for many, and serves from memory', async () => {
    const { load, asked } = source();
    const cache = createSyncedCache({ load });
    expect(await Promise.all(Array.from({ length: 100 }, () => cache.get(key)))).toEqual(Array(100).fill('one'));
    expect(await cache.get(key)).toBe('one');
    expect(asked).toHaveLength(1);
    expect(cache.statistics()).toMatchObject({ hits: 1, size: 1 });
  });

  it('drops at once what changed, and not twice', async () => {
    const { load, asked, state } = source();
    const cache = createSyncedCache({ load });
    const onChange = invalidateOnChange(cache);
    await cache.get(key);
    Object.assign(state, { value: 'two', version: 2 });
    expect(await cache.get(key)).toBe('one');
    onChange(changed(2));
    expect(await cache.get(key)).toBe('two');
    onChange(changed(2));
    onChange(changed(1));
    expect(await cache.get(key)).toBe('two');
    expect(asked).toHaveLength(2);
    expect(cache.statistics().invalidations).toBe(1);
  });

  it('does not keep an answer that was on its way when the change was told', async () => {
    const { load, state, hold, release } = source();
    const cache = createSyncedCache({ load });
    hold();
    const early = cache.get(key);
    Object.assign(state, { value: 'two', version: 2 });
    invalidateOnChange(cache)(changed(2));
    release();
    expect(await early).toBe('one');
    expect(await cache.get(key)).toBe('two');
    expect(await cache.get(key)).toBe('two');
  });

  it('keeps nothing older than what it was told of, in whatever order it was told', async () => {
    const { load, asked } = source();
    const cache = createSyncedCache({ load });
    const onChange = invalidateOnChange(cache);
    onChange(changed(3));
    onChange(changed(2));
    onChange(changed(3));
    for (let count = 0; count < 3; count += 1) expect(await cache.get(key)).toBe('one');
    expect(asked).toHaveLength(3);
    expect(cache.statistics()).toMatchObject({ size: 0, misses: 3 });
  });

  it('asks by ETag when the time is over, and keeps what is unchanged', async () => {
    const { load, asked } = source();
    const cache = createSyncedCache({ load, ttlSeconds: 0 });
    await cache.get(key);
    expect(await cache.get(key)).toBe('one');
    expect(asked).toEqual([undefined, '"1"']);
  });

  it('serves beyond the time while the source is away, if it may', async () => {
    const { load, state } = source();
    const strict = createSyncedCache({ load, ttlSeconds: 0 });
    const lenient = createSyncedCache({ load, ttlSeconds: 0, staleIfErrorSeconds: 60 });
    await Promise.all([strict.get(key), lenient.get(key)]);
    state.failing = true;
    await expect(strict.get(key)).rejects.toThrow('the source is away');
    expect(await lenient.get(key)).toBe('one');
    expect(lenient.statistics().stale).toBe(1);
    lenient.clear();
    await expect(lenient.get(key)).rejects.toThrow('the source is away');
  });

  it.each([404, 410, 401, 403])('does not serve what the source denies with %i, even if it may', async (status) => {
    const { load, asked, state } = source();
    const denied = Object.assign(new Error('denied'), { status });
    let outcome: Error | undefined;
    const cache = createSyncedCache({
      load: (...question) => (outcome === undefined ? load(...question) : Promise.reject(outcome)),
      ttlSeconds: 0,
      staleIfErrorSeconds: 60,
    });
    await cache.get(key);
    outcome = denied;
    await expect(cache.get(key)).rejects.toBe(denied);
    outcome = new TypeError('fetch failed');
    await expect(cache.get(key)).rejects.toBe(outcome);
    expect([asked.length, state.value, cache.statistics().stale]).toEqual([1, 'one', 0]);
  });

  it.each([408, 429, 500, 503])('serves beyond the time what the source fails to answer with %i', async (status) => {
    const failing = Object.assign(new Error('failing'), { status });
    let isFailing = false;
    const load = () => (isFailing ? Promise.reject(failing) : Promise.resolve({ value: 'one' }));
    const cache = createSyncedCache({ load, ttlSeconds: 0, staleIfErrorSeconds: 60 });
    await cache.get(key);
    isFailing = true;
    expect(await cache.get(key)).toBe('one');
  });

  it('is told by the loader of states what was answered', async () => {
    const answer = (status: number) => stateLoader({ issuer: '', fetch: async () => new Response('', { status }) });
    for (const status of [401, 403, 410, 503]) {
      await expect(answer(status)(key, undefined)).rejects.toMatchObject({ status });
    }
  });

  it('stays within its capacity, and shows its numbers', async () => {
    const cache = createSyncedCache({ load: source().load, capacity: 10 });
    for (let at = 0; at < 100; at += 1) await cache.get(`key-${at}`);
    expect(cache.statistics().size).toBe(10);
    expect(cache.prometheus('orders')).toContain('signet_cache_misses_total{cache="orders"} 100\n');
  });

  it('shows the numbers of several caches, each metric declared once', async () => {
    const [orders, rates] = [createSyncedCache({ load: source().load }), createSyncedCache({ load: source().load })];
    await orders.get(key);
    const text = cacheMetrics({ orders, 'rates "b"': rates });
    const declared = text.split('\n').filter((line) => line.startsWith('# TYPE'));
    expect(declared).toHaveLength(5);
    expect(new Set(declared).size).toBe(5);
    expect(text).toContain(
      '# TYPE signet_cache_size gauge\nsignet_cache_size{cache="orders"} 1\nsignet_cache_size{cache="rates \\"b\\""} 0\n',
    );
    expect(orders.prometheus('orders')).toBe(cacheMetrics({ orders }));
  });

  it('tells the queries of a front end', async () => {
    const told: unknown[] = [];
    const client = {
      invalidateQueries: (filters: unknown) => {
        told.push(filters);
        return Promise.resolve();
      },
    };
    await invalidateQueriesOnChange(client)(changed(3));
    await invalidateQueriesOnChange(client)({ ...changed(3), type: 'order.created' });
    expect(told).toEqual([{ queryKey: ['order', 'a/b'] }]);
  });
});
