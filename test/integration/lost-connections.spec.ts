import type { DataSource } from 'typeorm';
import { createDataSource, Postgres } from '../../src/database/index.js';
import { PostgresPool } from '../../src/queue/postgres-pool.js';
import { QueueFaults } from '../../src/queue/queue-faults.js';
import { type DatabaseProxy, openDatabaseProxy } from '../support/database-proxy.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';

/** One of the ways in which the server asks its database. */
interface Pool {
  ask(): Promise<unknown>;
  close(): Promise<void>;
}

let database: TestDatabase;
let proxy: DatabaseProxy;

beforeAll(async () => {
  database = await createTestDatabase();
  proxy = await openDatabaseProxy(database.url);
});

afterAll(async () => {
  await proxy.sever();
  await database.drop();
});

const pools: Readonly<Record<string, () => Promise<Pool>>> = {
  'TypeORM’s': async () => {
    const dataSource: DataSource = await createDataSource(proxy.url).initialize();
    // Its first connection is in the pool; this one is kept busy, so that the statement needs another.
    const busy = dataSource.createQueryRunner();
    await busy.connect();
    return {
      ask: () => dataSource.query('SELECT 1 AS one'),
      close: async () => {
        await busy.release();
        await dataSource.destroy();
      },
    };
  },
  'the hot path’s': async () => {
    const postgres = new Postgres(proxy.url, { max: 2, onError: () => undefined });
    return {
      ask: () => postgres.query({ name: 'one', text: 'SELECT 1 AS one', values: [] }),
      close: () => postgres.close(),
    };
  },
  'the queue’s': async () => {
    const pool = new PostgresPool(proxy.url, 2, new QueueFaults());
    return { ask: async () => (await pool.query('SELECT 1 AS one')).rows, close: () => pool.end() };
  },
};

it.each(Object.keys(pools))(
  'T-23: a connection of %s pool that is lost as soon as it is ready fails a statement, not the process',
  async (name) => {
    const pool = await pools[name]?.();
    proxy.loseNext();
    await expect(pool?.ask()).rejects.toThrow();
    expect(await pool?.ask()).toEqual([{ one: 1 }]);
    await pool?.close();
  },
);
