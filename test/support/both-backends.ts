import { rm } from 'node:fs/promises';
import { EventRoad } from './event-road.js';
import { type Answer, type Receiver, startReceiver } from './receiver.js';
import { redisAvailable, redisIt, startRedis, type TestRedis } from './redis.js';
import { startServer, type TestServer } from './server.js';

/** What the tests of a file share, for one of the backends; there from the first test on. */
export interface RoadTests {
  readonly kind: 'postgres' | 'redis';
  readonly given: (title: string, test: () => Promise<void>) => void;
  readonly server: TestServer;
  readonly road: EventRoad;
  readonly redis: TestRedis | undefined;
  /** Stops the server, and starts another one on the same database. */
  restart(): Promise<void>;
  /** A receiver that is closed after the test. */
  receiver(answer?: Answer): Promise<Receiver>;
}

/** Runs the same tests on a server with its queues in PostgreSQL, and on one with its queues in Redis. */
export function onBothBackends(
  title: string,
  define: (tests: RoadTests) => void,
  env: Readonly<Record<string, string>> = {},
): void {
  describe.each(['postgres', 'redis'] as const)(`${title} on %s`, (kind) => {
    const receivers: Receiver[] = [];
    const stopped: TestServer[] = [];
    let redis: TestRedis | undefined;
    let server: TestServer | undefined;
    let road: EventRoad | undefined;

    if (kind === 'postgres' || redisAvailable()) {
      beforeAll(async () => {
        if (kind === 'redis') redis = await startRedis();
        const store: Record<string, string> = redis === undefined ? {} : { REDIS_URL: redis.url };
        server = await startServer({ env: { EVENT_TARGET_NETWORKS: '127.0.0.0/8', ...env, ...store } });
        road = new EventRoad(server);
      });
      afterEach(async () => {
        await road?.clear();
        await Promise.all(receivers.splice(0).map((receiver) => receiver.close()));
      });
      afterAll(async () => {
        await server?.stop();
        for (const { database, env: itsOwn } of stopped) {
          await database.drop();
          await rm(itsOwn['DATA_DIR'] ?? '', { recursive: true, force: true });
        }
        await redis?.stop();
      });
    }

    define({
      kind,
      given: kind === 'redis' ? redisIt() : it,
      get server() {
        return there(server);
      },
      get road() {
        return there(road);
      },
      get redis() {
        return redis;
      },
      restart: async () => {
        const before = there(server);
        await before.running.close();
        server = await startServer({ beside: before });
        stopped.push(before);
        road = road?.at(server);
      },
      receiver: async (answer) => {
        const started = await startReceiver(answer);
        receivers.push(started);
        return started;
      },
    });
  });
}

function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('it has not started yet');
  return value;
}
