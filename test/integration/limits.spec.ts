import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { SystemClock } from '../../src/clock/index.js';
import { DayQuotas } from '../../src/limits/day-quotas.js';
import { failureBudgets, Limits, TokensOfDay } from '../../src/limits/index.js';
import { LimitSharing } from '../../src/limits/limit-sharing.js';
import { RedisLimitStore } from '../../src/limits/redis-limit-store.js';
import { Measurements } from '../../src/measurements/index.js';
import { TokenCounts } from '../../src/statistics/token-counts.service.js';
import { redisAvailable, redisIt, startRedis, type TestRedis } from '../support/redis.js';
import { type Credentials, startServer, type TestServer } from '../support/server.js';

class NothingIssued extends TokensOfDay {
  issuedOn(): Promise<ReadonlyMap<string, number>> {
    return Promise.resolve(new Map());
  }
}

/** The limits as one process has them. */
interface LimitProcess {
  readonly limits: Limits;
  /** Whether it hears of the others. */
  isShared(): boolean;
  close(): Promise<void>;
}

function limitProcess(url: string, prefix: string): LimitProcess {
  const clock = new SystemClock();
  const sharing = new LimitSharing(new RedisLimitStore(url, prefix), clock);
  const days = new DayQuotas(sharing, new NothingIssued());
  sharing.onModuleInit();
  return {
    limits: new Limits(clock, sharing, days, new Measurements()),
    isShared: () => sharing.isUp,
    close: () => sharing.onApplicationShutdown(),
  };
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries += 1) {
    if (tries === 400) throw new Error('it never comes to that');
    await sleep(25);
  }
}

describe('limits that processes share', () => {
  const given = redisIt();
  let redis: TestRedis | undefined;
  let client: Redis;
  let prefix: string;
  let processes: LimitProcess[];

  if (redisAvailable()) {
    beforeAll(async () => {
      redis = await startRedis();
      client = new Redis(redis.url);
    });
    beforeEach(() => {
      prefix = `{${randomUUID()}}`;
      processes = [];
    });
    afterEach(() => Promise.all(processes.map((process) => process.close())));
    afterAll(async () => {
      client.disconnect();
      await redis?.stop();
    });
  }

  async function start(count: number): Promise<Limits[]> {
    const url = redis?.url ?? '';
    processes = Array.from({ length: count }, () => limitProcess(url, prefix));
    await until(() => processes.every((process) => process.isShared()));
    await until(async () => (await client.zcard(`${prefix}:limits:processes`)) === count);
    return processes.map(({ limits }) => limits);
  }

  function keys(): Promise<string[]> {
    return client.keys(`${prefix.replaceAll(/[{}]/g, '?')}:limits:*`);
  }

  given('D14: unknown names make no key each, and every key ends by itself', async () => {
    const [limits] = await start(1);
    for (let count = 0; count < 300_000; count += 1) {
      limits?.failed(`unknown-${count}`, false, `10.${(count >> 8) & 255}.${count & 255}.1`);
      if (count % 10_000 === 0) await sleep(1);
    }
    await until(async () => (await keys()).length > 1_000);
    const names = await keys();
    expect(names.length).toBeLessThanOrEqual(3 * 16_384 + 2);
    for (const name of names.slice(0, 500)) {
      const left = await client.pttl(name);
      // -1 would be a key without an end.
      expect(left).not.toBe(-1);
      expect(left).toBeLessThanOrEqual(125_000);
    }
    expect(names.join(' ')).not.toContain('unknown-');
  });

  given('L-01: eight processes that are asked at once grant at most twice the limit', async () => {
    const quota = { clientId: 'a', rateLimitPerMinute: 80, rateLimitPerDay: undefined, reportsRateLimits: false };
    const all = await start(8);
    // Until each has heard that there are eight.
    await until(() => {
      const granted = all.map((limits, index) => {
        const clientId = `probe-${index}-${randomUUID()}`;
        let count = 0;
        while (limits.requested({ ...quota, clientId }).length === 0) count += 1;
        return count;
      });
      return granted.every((count) => count <= 20);
    });
    let granted = 0;
    for (let round = 0; round < 40; round += 1) {
      for (const limits of all) {
        for (let count = 0; count < 10; count += 1) if (limits.requested(quota).length === 0) granted += 1;
      }
      await sleep(5);
    }
    expect(granted).toBeGreaterThanOrEqual(80);
    expect(granted).toBeLessThanOrEqual(165);
  });

  given('failures at one process count at the other', async () => {
    const [one, other] = await start(2);
    for (let count = 0; count < failureBudgets.clientAndNetwork; count += 1) one?.failed('a', true, '10.0.0.1');
    await until(() => (other?.failed('a', true, '10.0.0.1') ?? 0) > 0);
    expect(other?.failed('a', true, '10.0.1.1')).toBe(0);
  });
});

describe('the quota of a day', () => {
  let server: TestServer;
  let client: Credentials;

  beforeAll(async () => {
    server = await startServer();
    client = await server.createClient({ client_name: 'D', rate_limit_per_day: 5 });
  });

  afterAll(() => server?.stop());

  it('goes on after a restart where the statistics are', async () => {
    for (let count = 0; count < 5; count += 1) expect((await server.requestToken(client)).status).toBe(200);
    await server.running.app.get(TokenCounts, { strict: false }).fold();
    const restarted = await startServer({ beside: server });
    try {
      const statuses: number[] = [];
      await until(async () => {
        statuses.push((await restarted.requestToken(client)).status);
        return statuses.at(-1) === 429;
      });
      // The first requests come before the look into the statistics is done.
      expect(statuses.length).toBeLessThanOrEqual(4);
    } finally {
      await restarted.stop();
    }
  });
});
