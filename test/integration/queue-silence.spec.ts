import { once } from 'node:events';
import { connect, createServer, type NetConnectOpts, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { Client } from 'pg';
import {
  createQueueBackend,
  defaultQueuePrefix,
  type QueueBackend,
  type QueueConnection,
} from '../../src/queue/index.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { redisIt, startRedis } from '../support/redis.js';

let closing: (() => Promise<unknown>)[] = [];

beforeAll(() => Logger.overrideLogger(false));

afterEach(async () => {
  for (const close of closing) await close();
  closing = [];
});

afterAll(() => Logger.overrideLogger(['log', 'warn', 'error']));

describe('connections that go silent, and never say that they are lost', () => {
  redisIt()('T-23: to Redis are made anew, and jobs run again', async () => {
    const redis = await startRedis();
    const network = await openNetwork({ host: '127.0.0.1', port: Number(new URL(redis.url).port) });
    closing.push(
      () => network.close(),
      () => redis.stop(),
    );
    const redisUrl = `redis://127.0.0.1:${network.port}`;
    await goesOn({ postgresUrl: '', redisUrl, prefix: '{test}' }, network);
  });

  it('T-23: to PostgreSQL are made anew, and jobs run again', async () => {
    const database = await createTestDatabase();
    const { target, url } = await reachable(database);
    const network = await openNetwork(target);
    closing.push(
      () => network.close(),
      () => database.drop(),
    );
    await goesOn({ postgresUrl: url(network.port), prefix: defaultQueuePrefix }, network);
  });
});

/** Jobs run before the network swallows every connection that there is, and after it lets new ones through. */
async function goesOn(connection: QueueConnection, network: Network): Promise<void> {
  const backend: QueueBackend = createQueueBackend(connection);
  closing.unshift(() => backend.close(500));
  const queue = await backend.openQueue('silent');
  const seen: string[] = [];
  await backend.openWorker('silent', async ({ ids }) => void seen.push(ids['id'] ?? ''), { lockSeconds: 4 });
  // With this, a worker on PostgreSQL waits an hour unless it is woken.
  await queue.add('work', { id: 'later' }, { delayMs: 3_600_000 });
  await queue.add('work', { id: 'before' });
  await until(() => seen.includes('before'));
  network.swallow();
  await until(async () => {
    const added = await queue.add('work', { id: 'after' }, { jobId: 'after' }).catch(() => undefined);
    return added !== undefined;
  });
  await until(() => seen.includes('after'));
}

it('a job whose lock was taken by a clock that ran ahead is run when its process is gone', async () => {
  const database = await createTestDatabase();
  const direct = new Client({ connectionString: database.url });
  await direct.connect();
  closing.push(
    () => direct.end(),
    () => database.drop(),
  );
  const connection = { postgresUrl: database.url, prefix: defaultQueuePrefix };
  const lost = createQueueBackend(connection);
  closing.unshift(() => lost.close(0));
  const queue = await lost.openQueue('ahead');
  let taken = false;
  const never = (): Promise<void> => {
    taken = true;
    return new Promise(() => undefined);
  };
  const worker = await lost.openWorker('ahead', never, { lockSeconds: 1 });
  await queue.add('work', { id: 'one' });
  await until(() => taken);
  await worker.close(0);
  const day = 86_400_000;
  await direct.query(`UPDATE bullmq.job SET locked_until_ms = locked_until_ms + $1`, [day]);
  await direct.query(`UPDATE bullmq.meta SET value = value::bigint + $1 WHERE field = 'stalled-check'`, [day]);

  const next = createQueueBackend(connection);
  closing.unshift(() => next.close(500));
  const seen: string[] = [];
  await next.openWorker('ahead', async ({ ids }) => void seen.push(ids['id'] ?? ''), { lockSeconds: 1 });
  await until(() => seen.length === 1);
});

/** A network that can swallow what it carries. */
interface Network {
  readonly port: number;
  /** From now on the connections that there are carry nothing and never end; new ones work. */
  swallow(): void;
  close(): Promise<void>;
}

async function openNetwork(target: NetConnectOpts): Promise<Network> {
  const lines = new Set<{ near: Socket; far: Socket; swallowed: boolean }>();
  const server: Server = createServer((near) => {
    const line = { near, far: connect(target), swallowed: false };
    lines.add(line);
    for (const [from, to] of [
      [near, line.far],
      [line.far, near],
    ] as const) {
      from.on('data', (bytes) => void (line.swallowed || to.write(bytes)));
      from.on('error', () => undefined);
      from.on('close', () => void (line.swallowed || to.destroy()));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    swallow: () => {
      for (const line of lines) line.swallowed = true;
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const { near, far } of lines) for (const socket of [near, far]) socket.destroy();
      await closed;
    },
  };
}

/** Where the database of a test is, and its URL through another port. */
async function reachable({ url }: TestDatabase): Promise<{ target: NetConnectOpts; url: (port: number) => string }> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const { host, port, user = '', password = '', database = '' } = client;
  await client.end();
  const login = [user, typeof password === 'string' ? password : ''].map(encodeURIComponent).join(':');
  return {
    target: host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port },
    url: (through) => `postgresql://${login}@127.0.0.1:${through}/${encodeURIComponent(database)}`,
  };
}

/** Waits until `condition` holds; fails after a minute. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const limit = Date.now() + 60_000;
  while (!(await condition())) {
    if (Date.now() > limit) throw new Error('what was waited for did not happen');
    await sleep(20);
  }
}
