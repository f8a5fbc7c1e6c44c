import { Test, type TestingModule } from '@nestjs/testing';
import { ConfigModule, loadConfig } from '../../src/config/index.js';
import { Egress, EgressModule } from '../../src/egress/index.js';
import { SystemResolver } from '../../src/egress/resolver.js';
import { canarySink, httpSink, type Sink } from '../support/egress.js';

const key = Buffer.from(Array.from({ length: 32 }, (_, index) => (index * 37) % 256)).toString('base64');
const limits = { timeoutMs: 5_000, maxBytes: 100 };

let started: TestingModule | undefined;
let sinks: Sink[];

beforeEach(() => {
  sinks = [];
});

afterEach(async () => {
  await started?.close();
  await Promise.all(sinks.map((sink) => sink.close()));
});

/** The egress of a server with these variables. */
async function egressOf(variables: Record<string, string>): Promise<Egress> {
  const { config } = loadConfig(variables);
  started = await Test.createTestingModule({ imports: [ConfigModule.forRoot(config), EgressModule] }).compile();
  await started.init();
  return started.get(Egress);
}

async function opened(sink: Promise<Sink>): Promise<Sink> {
  sinks.push(await sink);
  return sink;
}

describe('the egress of a server', () => {
  it('reaches this machine at a first try, by the name that the system knows', async () => {
    const egress = await egressOf({});
    const { port } = await opened(httpSink((_, response) => response.end('here')));
    expect((await egress.request(`http://localhost:${port}/`, limits)).body.toString()).toBe('here');
  });

  it('reaches nothing private with a database of its own, unless that is said', async () => {
    const database = { DATABASE_URL: 'postgresql://localhost/signet', KEY_ENCRYPTION_KEY: key };
    const canary = await opened(canarySink());
    const strict = await egressOf(database);
    await expect(strict.request(`http://127.0.0.1:${canary.port}/`, limits)).rejects.toMatchObject({
      code: 'target_not_allowed',
    });
    expect(canary.connections).toBe(0);
    await started?.close();
    const open = await egressOf({ ...database, EVENT_TARGET_NETWORKS: '127.0.0.1' });
    expect((await open.request(`http://127.0.0.1:${canary.port}/`, limits)).status).toBe(200);
  });

  it('E-01: never reaches itself, its database or its Redis', async () => {
    const [server, database, redis] = [
      await opened(canarySink()),
      await opened(canarySink()),
      await opened(canarySink()),
    ];
    const egress = await egressOf({
      PORT: String(server.port),
      DATABASE_URL: `postgresql://127.0.0.1:${database.port}/signet`,
      REDIS_URL: `redis://localhost:${redis.port}`,
      KEY_ENCRYPTION_KEY: key,
      EVENT_TARGET_NETWORKS: '127.0.0.0/8,::1/128',
    });
    for (const { port } of sinks) {
      for (const host of ['127.0.0.1', 'localhost', '127.0.0.3', '[::1]']) {
        const url = `http://${host}:${port}/`;
        expect(egress.checkTarget(url)).toMatch(/^must not lead to this server/);
        await expect(egress.request(url, limits)).rejects.toMatchObject({ code: 'target_not_allowed' });
      }
    }
    expect(sinks.map(({ connections }) => connections)).toEqual([0, 0, 0]);
  });
});

describe('the resolver of the system', () => {
  it('finds the addresses of a name', async () => {
    const addresses = await new SystemResolver().resolve('localhost');
    expect(addresses.filter((address) => address !== '127.0.0.1' && address !== '::1')).toEqual([]);
    expect(addresses).not.toEqual([]);
  });

  it('looks a name up once at a time', async () => {
    const resolver = new SystemResolver();
    const first = resolver.resolve('localhost');
    expect(resolver.resolve('localhost')).toBe(first);
    await first;
    expect(resolver.resolve('localhost')).not.toBe(first);
  });

  it('fails for a name that does not exist', async () => {
    const resolver = new SystemResolver();
    await expect(resolver.resolve('name.invalid')).rejects.toThrow();
    await expect(resolver.resolve('name.invalid')).rejects.toThrow();
  });
});
