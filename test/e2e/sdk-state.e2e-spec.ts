/** `@signet/sdk/cache` beside the state of the server. */
import { randomUUID } from 'node:crypto';
import {
  createSyncedCache,
  invalidateOnChange,
  stateKey,
  stateLoader,
  StateNotFound,
  type SyncedCache,
} from '../../sdk/src/cache/index.js';
import { fetchOf, Listener } from '../support/sdk-world.js';
import { startServer, type TestServer } from '../support/server.js';
import { StateClient } from '../support/state.js';

interface Order {
  readonly amount: number;
}

let server: TestServer;
let keeper: StateClient;
let cache: SyncedCache<Order>;
let loads: number;
let beforeLoad: () => Promise<void>;
let listener: Awaited<ReturnType<typeof Listener.open>>;

beforeAll(async () => {
  server = await startServer({ env: { EVENT_TARGET_NETWORKS: '127.0.0.0/8' } });
  keeper = await StateClient.create(server);
});
afterAll(() => server?.stop());

beforeEach(async () => {
  const reader = await server.createClient({ client_name: 'Reader', scope: 'state:read' });
  const read = fetchOf(server, reader);
  loads = 0;
  beforeLoad = () => Promise.resolve();
  const load = stateLoader<Order>({
    issuer: server.issuer,
    fetch: async (url, init) => {
      loads += 1;
      const response = await read(url, init);
      await beforeLoad();
      return response;
    },
  });
  cache = createSyncedCache({ load });
  listener = await Listener.open(server, { event_types: ['state.changed'] }, invalidateOnChange(cache));
});
afterEach(() => listener.end(listener.subscription.id));

/** A resource that nobody else has, its key, and a way to change it. */
function resource() {
  const id = `a b/ü-${randomUUID()}`;
  const path = `order/${encodeURIComponent(id)}`;
  return { key: stateKey('order', id), path };
}

it('serves from memory until the change is told, and then what is true', async () => {
  const { key, path } = resource();
  await keeper.written(path, { amount: 1 });
  await listener.told('state.changed');
  const served = await Promise.all(Array.from({ length: 50 }, () => cache.get(key)));
  expect(served.map(({ amount }) => amount)).toEqual(Array(50).fill(1));
  await cache.get(key);
  expect(loads).toBe(1);
  await keeper.written(path, { amount: 2 });
  await listener.told('state.changed', 2);
  expect(await cache.get(key)).toEqual({ amount: 2 });
  expect(loads).toBe(2);
  await keeper.written(path, { amount: 2 });
  expect(await cache.get(key)).toEqual({ amount: 2 });
  expect(cache.statistics()).toMatchObject({ size: 1 });
  expect(loads).toBe(2);
});

it('keeps no answer that was on its way when the change was told', async () => {
  const { key, path } = resource();
  await keeper.written(path, { amount: 1 });
  await listener.told('state.changed');
  beforeLoad = async () => {
    beforeLoad = () => Promise.resolve();
    await keeper.written(path, { amount: 2 });
    await listener.told('state.changed', 2);
  };
  expect(await cache.get(key)).toEqual({ amount: 1 });
  expect(await cache.get(key)).toEqual({ amount: 2 });
});

it('asks by ETag when the time is over', async () => {
  const { key, path } = resource();
  await keeper.written(path, { amount: 1 });
  const statuses: number[] = [];
  const reader = fetchOf(server, await server.createClient({ client_name: 'Reader', scope: 'state:read' }));
  const short = createSyncedCache({
    ttlSeconds: 0,
    load: stateLoader<Order>({
      issuer: server.issuer,
      fetch: async (url, init) => {
        const response = await reader(url, init);
        statuses.push(response.status);
        return response;
      },
    }),
  });
  for (let count = 0; count < 3; count += 1) expect(await short.get(key)).toEqual({ amount: 1 });
  expect(statuses).toEqual([200, 304, 304]);
});

it('says what is not there, and what is there no longer', async () => {
  const { key, path } = resource();
  await expect(cache.get(key)).rejects.toMatchObject({ status: 404 });
  await keeper.written(path, { amount: 1 });
  expect(await cache.get(key)).toEqual({ amount: 1 });
  await keeper.fetch(`/sync/${path}`, { method: 'DELETE' });
  await listener.told('state.changed', 2);
  const failure = await cache.get(key).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(StateNotFound);
  expect(failure).toMatchObject({ status: 410 });
});
