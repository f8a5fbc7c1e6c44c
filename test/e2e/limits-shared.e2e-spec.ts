/** L-01, L-03: two servers on one Redis share their limits, and hold them by themselves whatever becomes of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { redisAvailable, redisIt, startRedis, type TestRedis } from '../support/redis.js';
import { scrape } from '../support/scrape.js';
import { type Credentials, startServer, type TestServer } from '../support/server.js';

const perMinute = 60;

let redis: TestRedis | undefined;
let one: TestServer;
let other: TestServer;

const given = redisIt();

if (redisAvailable()) {
  beforeAll(async () => {
    redis = await startRedis();
    one = await startServer({ env: { REDIS_URL: redis.url } });
    other = await startServer({ beside: one });
    await Promise.all([shared(true), one.adminToken()]);
  });

  afterAll(async () => {
    await other?.stop();
    await one?.stop();
    await redis?.stop();
  });
}

function theRedis(): TestRedis {
  if (redis === undefined) throw new Error('there is no Redis');
  return redis;
}

/** Waits until both servers take part, or neither. */
async function shared(expected: boolean): Promise<void> {
  for (const server of [one, other]) {
    for (let tries = 0; ; tries += 1) {
      const value = (await scrape(server)).value('signet_limits_shared');
      if (value === (expected ? 1 : 0)) break;
      if (tries === 200) throw new Error(`limits are ${expected ? 'not' : 'still'} shared`);
      await sleep(50);
    }
  }
}

/** What has flowed into the buckets of both servers while they were flooded, in this test. */
let inflow = 0;
beforeEach(() => {
  inflow = 0;
});

/** How the requests of a client to both servers are answered. */
async function flood(client: Credentials, requests = 4 * perMinute): Promise<Record<number, number>> {
  const counts: Record<number, number> = {};
  const begin = performance.now();
  for (let sent = 0; sent < requests; sent += 20) {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? one : other).requestToken(client)),
    );
    for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  }
  inflow += Math.ceil((2 * perMinute * (performance.now() - begin)) / 60_000);
  return counts;
}

function limited(): Promise<Credentials> {
  return one.createClient({ client_name: 'L', rate_limit_per_minute: perMinute });
}

/** At least the limit, at most twice as much and what has flowed in, and nothing but tokens and refusals. */
function expectLimited(counts: Record<number, number>, most = 2 * perMinute): void {
  expect(Object.keys(counts)).toEqual(['200', '429']);
  expect(counts[200]).toBeGreaterThanOrEqual(perMinute);
  expect(counts[200]).toBeLessThanOrEqual(most + inflow);
}

given('L-01: both together grant what one may', async () => {
  // What flows in while the test runs comes on top.
  expectLimited(await flood(await limited()), 1.5 * perMinute);
});

given('L-01: the quota of a day is one for both', async () => {
  const client = await one.createClient({ client_name: 'D', rate_limit_per_day: 40 });
  const counts = await flood(client, 160);
  expect(counts[200]).toBeGreaterThanOrEqual(40);
  expect(counts[200]).toBeLessThanOrEqual(60);
});

given('L-03: FLUSHALL forgets nothing', async () => {
  const client = await limited();
  const before = await flood(client);
  await theRedis().flush();
  const after = await flood(client);
  expectLimited({ 200: (before[200] ?? 0) + (after[200] ?? 0), 429: 0 });
});

given('L-03: a Redis that only reads: tokens are issued, limits hold', async () => {
  await theRedis().command('REPLICAOF', '127.0.0.1', '1');
  try {
    // Nobody notices before there is something to tell.
    expectLimited(await flood(await limited()));
    await shared(false);
    expectLimited(await flood(await limited()));
  } finally {
    await theRedis().command('REPLICAOF', 'NO', 'ONE');
  }
  await shared(true);
});

given(
  'L-03: a Redis that stalls: tokens are issued, limits hold, and nothing is granted twice afterwards',
  async () => {
    const client = await limited();
    const unlimited = await one.createClient({ client_name: 'U' });
    theRedis().stall();
    try {
      expectLimited(await flood(client));
      expect(await flood(unlimited)).toEqual({ 200: 4 * perMinute });
      await shared(false);
      expectLimited(await flood(await limited()));
    } finally {
      theRedis().goOn();
    }
    await shared(true);
    const after = await flood(client, 40);
    expect(after[429]).toBeGreaterThan(0);
  },
);

given('L-03: a Redis that is gone: the same; and when it is back, empty, they share again', async () => {
  await theRedis().kill();
  try {
    expectLimited(await flood(await limited()));
    await shared(false);
    expectLimited(await flood(await limited()));
  } finally {
    await theRedis().restart();
  }
  await shared(true);
  expectLimited(await flood(await limited()), 1.5 * perMinute);
});
