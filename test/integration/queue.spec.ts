import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type NetConnectOpts, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { formatSecret } from '../../src/protocol/index.js';
import {
  createQueueBackend,
  defaultQueuePrefix,
  type Job,
  type QueueBackend,
  type QueueBackendKind,
  type QueueConnection,
  QueueUnavailable,
  type ScheduledJob,
  ScheduledJobs,
} from '../../src/queue/index.js';
import { createTestDatabase } from '../support/postgres.js';
import { redisAvailable, redisIt, startRedis } from '../support/redis.js';

const timing = { tendSeconds: 0.2, retrySeconds: 0.2, closeMs: 5_000 };
const yearSeconds = 31_536_000;

/** What a queue is kept in, with a hand on the line to it. */
interface TestStore {
  readonly connection: QueueConnection;
  /** Ends every connection and refuses new ones, until {@link restore}. */
  cut(): Promise<void>;
  /** Ends every connection and every new one as soon as it is made, until {@link restore}. */
  refuse(): Promise<void>;
  restore(): Promise<void>;
  /** How many connections {@link refuse} has ended. */
  refusals(): number;
  /** Loses all jobs and schedules. */
  wipe(): Promise<void>;
  /** Everything that is stored, as text. */
  dump(): Promise<string>;
  stop(): Promise<void>;
}

const stores: Record<QueueBackendKind, () => Promise<TestStore>> = { redis: redisStore, postgres: postgresStore };

describe.each(['redis', 'postgres'] as const)('the queue on %s', (kind) => {
  const given = kind === 'redis' ? redisIt() : it;
  let store: TestStore;
  let closing: (() => Promise<unknown>)[] = [];

  if (kind === 'postgres' || redisAvailable()) {
    beforeAll(async () => {
      Logger.overrideLogger(false);
      store = await stores[kind]();
    });
    afterEach(async () => {
      await Promise.all(closing.map((close) => close()));
      closing = [];
      await store.wipe();
    });
    afterAll(async () => {
      await store.stop();
      Logger.overrideLogger(['log', 'warn', 'error']);
    });
  }

  /** What another process would have. */
  const newBackend = (): QueueBackend => {
    const backend = createQueueBackend(store.connection);
    closing.push(() => backend.close(2_000));
    return backend;
  };

  /** The scheduled jobs of another process, started. */
  const startScheduled = (...jobs: ScheduledJob[]): ScheduledJobs => {
    const scheduled = new ScheduledJobs(newBackend(), timing);
    for (const job of jobs) scheduled.register(job);
    scheduled.onApplicationBootstrap();
    closing.unshift(() => scheduled.beforeApplicationShutdown());
    return scheduled;
  };

  given('is of the kind that was asked for', async () => {
    expect(newBackend().kind).toBe(kind);
    await expect(newBackend().ping()).resolves.toBeUndefined();
  });

  given('runs a job once, with two workers', async () => {
    const [first, second] = [newBackend(), newBackend()];
    const queue = await first.openQueue('deliveries');
    const seen: Job[] = [];
    const work = (job: Job): Promise<void> => {
      seen.push(job);
      return sleep(1);
    };
    const expected = Array.from({ length: 60 }, (_, index) => `delivery-${String(index).padStart(2, '0')}`);
    await Promise.all(expected.map((deliveryId) => queue.add('deliver', { deliveryId })));
    await first.openWorker('deliveries', work, { concurrency: 3 });
    await second.openWorker('deliveries', work, { concurrency: 3 });

    await until(async () => Object.values(await queue.counts()).every((count) => count === 0));

    expect(seen).toHaveLength(expected.length);
    expect(new Set(seen.map(({ ids }) => ids['deliveryId']))).toEqual(new Set(expected));
    expect(seen.every(({ name, attempt }) => name === 'deliver' && attempt === 1)).toBe(true);
  });

  given('tells when a job is done: from then on the same id can be added again', async () => {
    const backend = newBackend();
    const queue = await backend.openQueue('again');
    const started: string[] = [];
    const done: string[] = [];
    const end = gate();
    await backend.openWorker(
      'again',
      async ({ ids }) => {
        started.push(ids['turn'] ?? '');
        await end.passed;
      },
      {
        concurrency: 2,
        connections: 1,
        onDone: (id) => {
          done.push(id);
          if (done.length === 1) void queue.add('work', { turn: 'third' }, { jobId: 'lane-1' });
        },
      },
    );
    await queue.add('work', { turn: 'first' }, { jobId: 'lane-1' });
    await until(() => started.length === 1);
    await queue.add('work', { turn: 'second' }, { jobId: 'lane-1' });
    end.open();
    await until(() => done.length === 2);
    expect(started).toEqual(['first', 'third']);
    expect(done).toEqual(['lane-1', 'lane-1']);
  });

  given('keeps no failed job that is not to be kept, nor its id', async () => {
    const backend = newBackend();
    const queue = await backend.openQueue('unkept');
    let runs = 0;
    await backend.openWorker('unkept', () => {
      runs += 1;
      return Promise.reject(new Error('no'));
    });
    for (const turn of [1, 2]) {
      await queue.add('work', {}, { jobId: 'lane-1', keepFailed: false });
      await until(async () => runs === turn && Object.values(await queue.counts()).every((count) => count === 0));
    }
    expect(runs).toBe(2);
  });

  given('runs a job that was added while the worker waits', async () => {
    const backend = newBackend();
    const seen: string[] = [];
    await backend.openWorker('idle', async ({ ids }) => void seen.push(ids['id'] ?? ''));
    const queue = await newBackend().openQueue('idle');
    await queue.add('wake', { id: 'now' });
    await until(() => seen.length === 1);
    await queue.add('wake', { id: 'later' }, { delayMs: 100 });
    await until(() => seen.length === 2);
    expect(seen).toEqual(['now', 'later']);
  });

  given('adds a job of the same id once', async () => {
    const queue = await newBackend().openQueue('lanes');
    await queue.add('lane', { endpointId: 'a' }, { jobId: 'lane-a' });
    await queue.add('lane', { endpointId: 'a' }, { jobId: 'lane-a' });
    expect(await queue.counts()).toMatchObject({ waiting: 1, active: 0 });
  });

  given('retries a failed job with backoff, and keeps it as failed in the end', async () => {
    const backend = newBackend();
    const queue = await backend.openQueue('flaky');
    const runs: Pick<Job, 'name' | 'attempt' | 'lastAttempt'>[] = [];
    await backend.openWorker('flaky', async ({ name, attempt, lastAttempt }) => {
      runs.push({ name, attempt, lastAttempt });
      if (name === 'hopeless' || attempt < 3) throw new Error('not yet');
    });
    await queue.add('flaky', {}, { attempts: 4, backoffMs: 20 });
    await until(() => runs.length === 3);
    await queue.add('hopeless', {}, { attempts: 2, backoffMs: 20 });
    await until(async () => (await queue.counts()).failed === 1);

    expect(runs).toEqual([
      { name: 'flaky', attempt: 1, lastAttempt: false },
      { name: 'flaky', attempt: 2, lastAttempt: false },
      { name: 'flaky', attempt: 3, lastAttempt: false },
      { name: 'hopeless', attempt: 1, lastAttempt: false },
      { name: 'hopeless', attempt: 2, lastAttempt: true },
    ]);
    expect(await queue.counts()).toEqual({ waiting: 0, active: 0, delayed: 0, failed: 1 });
  });

  given('stores identifiers only', async () => {
    const backend = newBackend();
    const queue = await backend.openQueue('plain');
    const secret = formatSecret('signet_cs', 'abcdefgh', new Uint8Array(32).fill(9));

    await expect(queue.add('deliver', { body: 'a text of its own' })).rejects.toThrow(TypeError);
    await expect(queue.add('deliver', { id: secret })).rejects.toThrow(TypeError);
    await queue.add('deliver', { id: 'id-1' });
    await backend.openWorker('plain', () => Promise.reject(new Error(`refused: ${secret}`)));
    await until(async () => (await queue.counts()).failed === 1);

    const dump = await store.dump();
    expect(dump).toContain('id-1');
    expect(dump).toContain('refused');
    expect(dump).not.toContain('a text of its own');
    expect(dump).not.toContain(secret);
  });

  given('runs a schedule once per due time, with two processes that make it at once', async () => {
    const backends = [newBackend(), newBackend()];
    const queues = await Promise.all(backends.map((backend) => backend.openQueue('clock')));
    const due: string[] = [];
    await Promise.all(
      backends.map((backend) => backend.openWorker('clock', async ({ id }) => void due.push(id), { concurrency: 4 })),
    );
    await Promise.all(queues.map((queue) => queue.schedule('tick', 1)));
    await until(() => due.length >= 4);
    await Promise.all(queues.map((queue) => queue.schedule('tick', 1)));
    await until(() => due.length >= 6);

    expect(new Set(due.map(dueTime)).size).toBe(due.length);
  });

  given('makes one job of a schedule, however many make it at once', async () => {
    const queues = await Promise.all(Array.from({ length: 4 }, () => newBackend().openQueue('crowd')));
    const names = Array.from({ length: 20 }, (_, index) => `job-${index}`);
    await Promise.all(names.flatMap((name) => queues.map((queue) => queue.schedule(name, 3_600))));
    const counts = await queues[0]?.counts();
    // Who comes second may move a job from its first due time to the next one; there is never a second job.
    expect((counts?.waiting ?? 0) + (counts?.delayed ?? 0)).toBe(names.length);
    expect(counts).toMatchObject({ active: 0, failed: 0 });
  });

  given('leaves a schedule alone that is already so, and changes its interval', async () => {
    const queue = await newBackend().openQueue('calendar');
    await queue.schedule('rotate', 3_600);
    const before = await queue.schedules();
    await queue.schedule('rotate', 3_600);
    expect(await queue.schedules()).toEqual(before);
    expect(before).toMatchObject([{ name: 'rotate', everySeconds: 3_600, late: false }]);

    await queue.schedule('rotate', 60);
    expect(await queue.schedules()).toMatchObject([{ name: 'rotate', everySeconds: 60 }]);
    await queue.unschedule('rotate');
    expect(await queue.schedules()).toEqual([]);
  });

  given('makes up for missed due times by a single run', async () => {
    const before = newBackend();
    const queue = await before.openQueue('downtime');
    const due: string[] = [];
    const work = async ({ id }: Job): Promise<void> => void due.push(id);
    await before.openWorker('downtime', work);
    await queue.schedule('care', 1);
    await until(() => due.length > 0);
    await before.close(2_000);
    const missed = due.length;
    await sleep(3_500);

    const restartedAt = Date.now();
    const after = newBackend();
    await (await after.openQueue('downtime')).schedule('care', 1);
    await after.openWorker('downtime', work);
    await until(() => due.length >= missed + 2);

    const [first, second] = due.slice(missed).map(dueTime);
    expect(first).toBeLessThan(restartedAt);
    expect(second).toBeGreaterThanOrEqual(restartedAt);
  });

  given('hands the job of a lost worker to another', async () => {
    const lost = newBackend();
    const queue = await lost.openQueue('takeover');
    const taken = gate();
    const never = gate();
    const worker = await lost.openWorker(
      'takeover',
      async () => {
        taken.open();
        await never.passed;
      },
      { lockSeconds: 1 },
    );
    await queue.add('work', { id: 'one' });
    await taken.passed;
    expect(await worker.close(0)).toBe(false);

    const seen: string[] = [];
    const work = async ({ ids }: Job): Promise<void> => void seen.push(ids['id'] ?? '');
    await newBackend().openWorker('takeover', work, { lockSeconds: 1 });
    await until(() => seen.length === 1);
    never.open();
    expect(seen).toEqual(['one']);
  });

  given('aborts what runs when it closes, waits for it, and leaves the job to others', async () => {
    const backend = newBackend();
    const queue = await backend.openQueue('closing');
    const started = gate();
    const worker = await backend.openWorker('closing', async (_job, signal) => {
      started.open();
      await once(signal, 'abort');
      throw new Error('stopped half-way');
    });
    await queue.add('long', {});
    await started.passed;
    expect(await worker.close(10_000)).toBe(true);

    // Being stopped is no failure: the only attempt that this job has is still to come.
    const attempts: number[] = [];
    await newBackend().openWorker('closing', async ({ attempt }) => void attempts.push(attempt));
    await until(() => attempts.length === 1);
    expect(attempts).toEqual([1]);
  });

  given('closes although a job never ends', async () => {
    const backend = newBackend();
    const queue = await backend.openQueue('stuck');
    const started = gate();
    const end = gate();
    await backend.openWorker('stuck', () => {
      started.open();
      return end.passed;
    });
    await queue.add('stuck', {});
    await started.passed;
    await backend.close(50);
    await expect(queue.counts()).rejects.toThrow(QueueUnavailable);
    end.open();
  });

  given('says so at once when the store is away, and goes on when it is back', async () => {
    const backend = newBackend();
    const queue = await backend.openQueue('outage');
    const seen: string[] = [];
    await backend.openWorker('outage', async ({ ids }) => void seen.push(ids['id'] ?? ''));
    await queue.add('before', { id: 'before' });
    await until(() => seen.length === 1);

    await store.cut();
    try {
      await expect(backend.ping()).rejects.toThrow(QueueUnavailable);
      await expect(queue.add('during', { id: 'during' })).rejects.toThrow(QueueUnavailable);
      await expect(newBackend().openQueue('outage')).rejects.toThrow(QueueUnavailable);
      await expect(newBackend().openWorker('outage', async () => undefined)).rejects.toThrow(QueueUnavailable);
    } finally {
      await store.restore();
    }

    await until(() =>
      backend.ping().then(
        () => true,
        () => false,
      ),
    );
    await queue.add('after', { id: 'after' });
    await until(() => seen.includes('after'));
    expect(seen).toEqual(['before', 'after']);
  });

  given('does not storm a store that refuses it in the middle of work', async () => {
    const backend = newBackend();
    const queue = await backend.openQueue('storm');
    const seen: string[] = [];
    const started = gate();
    const end = gate();
    await backend.openWorker('storm', async ({ ids }) => {
      seen.push(ids['id'] ?? '');
      started.open();
      await end.passed;
    });
    for (const id of ['first', 'second']) await queue.add('work', { id });
    await started.passed;
    await store.refuse();
    end.open();
    await sleep(1_000);
    const refusals = store.refusals();
    await store.restore();

    expect(refusals).toBeLessThan(100);
    await until(() => seen.includes('second'));
  });

  describe('scheduled jobs', () => {
    given('run once when they are new, with two processes, and know when they are due next', async () => {
      let runs = 0;
      const job = { name: 'partitions', everySeconds: yearSeconds, run: async () => void (runs += 1) };
      startScheduled(job);
      startScheduled(job);
      const queue = await newBackend().openQueue('scheduled');
      await until(() => runs > 0);
      await until(async () => {
        const { waiting, active, delayed } = await queue.counts();
        return waiting === 0 && active === 0 && delayed === 1;
      });

      expect(runs).toBe(1);
      const [schedule] = await queue.schedules();
      expect(schedule).toMatchObject({ name: 'partitions', everySeconds: yearSeconds, late: false });
      expect(schedule?.nextRunAt).toBeGreaterThan(Date.now());
    });

    given('run again after a failure', async () => {
      let runs = 0;
      startScheduled({
        name: 'flaky',
        everySeconds: yearSeconds,
        run: async () => {
          runs += 1;
          if (runs === 1) throw new Error('not yet');
        },
      });
      await until(() => runs === 2);
      expect(runs).toBe(2);
    });

    given('come back after all data of the store was lost', async () => {
      let runs = 0;
      startScheduled({ name: 'care', everySeconds: yearSeconds, run: async () => void (runs += 1) });
      const queue = await newBackend().openQueue('scheduled');
      await until(async () => runs === 1 && (await queue.counts()).active === 0);

      await store.wipe();
      await until(() => runs === 2);
      await until(async () => (await queue.counts()).active === 0);
      expect(await queue.schedules()).toMatchObject([{ name: 'care', everySeconds: yearSeconds }]);
    });

    given('go on after an outage of the store', async () => {
      let runs = 0;
      startScheduled({ name: 'beat', everySeconds: 1, run: async () => void (runs += 1) });
      await until(() => runs > 0);
      await store.cut();
      await sleep(1_500);
      const during = runs;
      await store.restore();
      await until(() => runs >= during + 2);
      expect(runs).toBeGreaterThanOrEqual(during + 2);
    });

    given('start although the store is away, and run when it comes', async () => {
      let runs = 0;
      await store.cut();
      try {
        startScheduled({ name: 'patient', everySeconds: yearSeconds, run: async () => void (runs += 1) });
        await sleep(500);
        expect(runs).toBe(0);
      } finally {
        await store.restore();
      }
      await until(() => runs === 1);
    });

    given('that no longer exist lose their schedule', async () => {
      const queue = await newBackend().openQueue('scheduled');
      await queue.schedule('of-yesterday', yearSeconds);
      startScheduled({ name: 'of-today', everySeconds: yearSeconds, run: async () => undefined });
      await until(async () => (await queue.schedules()).every(({ name }) => name === 'of-today'));

      // As another version that runs beside this one would do.
      await until(async () => (await queue.schedules()).length === 1);
      await queue.schedule('of-yesterday', yearSeconds);
      await queue.add('of-yesterday', {});
      await until(async () => (await queue.schedules()).every(({ name }) => name === 'of-today'));
      expect(await queue.schedules()).toMatchObject([{ name: 'of-today' }]);
    });

    given('are told to stop at shutdown', async () => {
      const started = gate();
      let stopped = false;
      const scheduled = startScheduled({
        name: 'long',
        everySeconds: yearSeconds,
        run: async (signal) => {
          started.open();
          await once(signal, 'abort');
          stopped = true;
        },
      });
      await started.passed;
      await scheduled.beforeApplicationShutdown();
      expect(stopped).toBe(true);
    });

    given('refuse two of one name, bad names and bad intervals, and a registration after the start', async () => {
      const scheduled = new ScheduledJobs(newBackend(), timing);
      const job = { name: 'care', everySeconds: 60, run: async () => undefined };
      scheduled.register(job);
      expect(() => scheduled.register({ ...job, everySeconds: 30 })).toThrow('two scheduled jobs are called care');
      expect(() => scheduled.register({ ...job, name: 'a:b' })).toThrow('malformed name');
      expect(() => scheduled.register({ ...job, name: 'other', everySeconds: 0.5 })).toThrow('whole number of seconds');
      scheduled.onApplicationBootstrap();
      expect(() => scheduled.register({ ...job, name: 'late' })).toThrow('after the start');
      await scheduled.beforeApplicationShutdown();
    });
  });
});

/** The due time in the id that BullMQ gives a job of a schedule, milliseconds. */
function dueTime(id: string): number {
  return Number(id.split(':').at(-1));
}

/** Something that happens once and can be waited for. */
function gate(): { readonly passed: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open: () => open() };
}

/** Waits until `condition` holds; fails after half a minute. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const limit = Date.now() + 30_000;
  while (!(await condition())) {
    if (Date.now() > limit) throw new Error('what was waited for did not happen');
    await sleep(20);
  }
}

async function redisStore(): Promise<TestStore> {
  const redis = await startRedis();
  const port = Number(new URL(redis.url).port);
  const line = await openLine({ host: '127.0.0.1', port }, { host: '127.0.0.1', port: 0 });
  const redisUrl = `redis://127.0.0.1:${line.port()}`;
  return {
    connection: { postgresUrl: '', redisUrl, prefix: '{test}' },
    cut: line.cut,
    refuse: line.refuse,
    restore: line.restore,
    refusals: line.refusals,
    wipe: () => redis.flush(),
    async dump() {
      const client = new Redis(redis.url);
      const parts: unknown[] = [];
      for (const key of await client.keys('*')) {
        expect(key.startsWith('{test}:')).toBe(true);
        const type = await client.type(key);
        if (type === 'hash') parts.push(await client.hgetall(key));
        if (type === 'stream') parts.push(await client.xrange(key, '-', '+'));
        if (type === 'string') parts.push(await client.get(key));
      }
      client.disconnect();
      return JSON.stringify(parts);
    },
    async stop() {
      await line.cut();
      await redis.stop();
    },
  };
}

async function postgresStore(): Promise<TestStore> {
  const database = await createTestDatabase();
  const directory = await mkdtemp(join(tmpdir(), 'signet-line-'));
  const direct = new Client({ connectionString: database.url });
  await direct.connect();
  const target = direct.host.startsWith('/')
    ? { path: join(direct.host, `.s.PGSQL.${direct.port}`) }
    : { host: direct.host, port: direct.port };
  const line = await openLine(target, { path: join(directory, '.s.PGSQL.5432') });
  const user = `${encodeURIComponent(direct.user ?? '')}:${encodeURIComponent(direct.password ?? '')}`;
  const name = encodeURIComponent(direct.database ?? '');
  return {
    connection: {
      postgresUrl: `postgresql://${user}@/${name}?host=${encodeURIComponent(directory)}`,
      prefix: defaultQueuePrefix,
    },
    cut: line.cut,
    refuse: line.refuse,
    restore: line.restore,
    refusals: line.refusals,
    async wipe() {
      const { rowCount } = await direct.query(`SELECT FROM pg_namespace WHERE nspname = 'bullmq'`);
      if (rowCount === 0) return;
      await direct.query('DELETE FROM bullmq.scheduler; DELETE FROM bullmq.job; DELETE FROM bullmq.event');
    },
    async dump() {
      const { rows } = await direct.query<{ text: string }>(
        `SELECT job::text AS text FROM bullmq.job UNION ALL SELECT event::text FROM bullmq.event`,
      );
      return JSON.stringify(rows);
    },
    async stop() {
      await line.cut();
      await direct.end();
      await database.drop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

type Line = Pick<TestStore, 'cut' | 'refuse' | 'restore' | 'refusals'> & { port(): number };

/** A line to a server that can be cut: a byte-for-byte relay at an address of its own. */
async function openLine(
  target: NetConnectOpts,
  address: { host: string; port: number } | { path: string },
): Promise<Line> {
  const sockets = new Set<Socket>();
  let port = 0;
  let refusals = 0;
  let server: Server | undefined;

  const relay = (near: Socket): void => {
    const far = connect(target);
    const ends = [near, far] as const;
    for (const socket of ends) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        for (const end of ends) end.destroy();
      });
    }
    near.pipe(far).pipe(near);
  };
  const listen = async (accept: (socket: Socket) => void): Promise<void> => {
    server = createServer(accept);
    server.listen('path' in address ? address : { host: address.host, port });
    await once(server, 'listening');
    const bound = server.address();
    if (bound !== null && typeof bound !== 'string') port = bound.port;
  };
  const cut = async (): Promise<void> => {
    if (server === undefined) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
    server = undefined;
  };

  await listen(relay);
  return {
    port: () => port,
    refusals: () => refusals,
    cut,
    async refuse() {
      await cut();
      refusals = 0;
      await listen((socket) => {
        refusals += 1;
        socket.destroy();
      });
    },
    async restore() {
      await cut();
      await listen(relay);
    },
  };
}
