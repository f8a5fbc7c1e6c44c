import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { Client } from 'pg';
import { withDatabase } from '../../test/support/postgres.js';
import { Clock } from '../clock/index.js';
import { Postgres } from '../database/index.js';
import { createQueueBackend, QueueBackend } from '../queue/index.js';
import { HealthModule } from './health.module.js';
import { Readiness } from './readiness.js';
import { SigningKeyStatus } from './signing-key-status.js';

const databaseUrl = process.env['SIGNET_TEST_POSTGRES_URL'] ?? '';
/** Port 1 of the loopback interface: nobody listens there. */
const nowhere = { postgres: 'postgresql://signet@127.0.0.1:1/signet', redis: 'redis://127.0.0.1:1' };

describe('health', () => {
  const closing: (() => Promise<unknown>)[] = [];
  let now = 0;

  afterEach(async () => {
    await Promise.all(closing.splice(0).map((close) => close()));
  });

  async function start(
    parts: { readonly postgresUrl?: string; readonly redisUrl?: string; readonly signingKey?: () => boolean } = {},
  ): Promise<NestFastifyApplication> {
    const postgres = new Postgres(parts.postgresUrl ?? databaseUrl, { max: 2, onError: () => undefined });
    const queue = createQueueBackend({ postgresUrl: databaseUrl, redisUrl: parts.redisUrl, prefix: '{health}' });
    const bindings = [
      { provide: Postgres, useValue: postgres },
      { provide: QueueBackend, useValue: queue },
      { provide: Clock, useValue: { now: () => now } },
      { provide: SigningKeyStatus, useValue: { ready: parts.signingKey ?? (() => true) } },
    ];
    const module = await Test.createTestingModule({
      imports: [{ module: HealthModule, providers: bindings }],
    }).compile();
    const app = module.createNestApplication<NestFastifyApplication>(new FastifyAdapter(), { logger: false });
    await app.init();
    closing.push(async () => {
      await app.close();
      await Promise.all([postgres.close(), queue.close(100)]);
    });
    return app;
  }

  async function get(app: NestFastifyApplication, path: string) {
    const { statusCode, headers, body } = await app.inject({ method: 'GET', url: path });
    return { status: statusCode, caching: headers['cache-control'], body: JSON.parse(body) as unknown };
  }

  it('is ready when everything is up', async () => {
    const app = await start();
    expect(await get(app, '/health/ready')).toEqual({
      status: 200,
      caching: 'no-store',
      body: { status: 'up', database: 'up', queue: 'up', signing_key: 'up' },
    });
  });

  it.each([
    ['the database', { postgresUrl: nowhere.postgres }, { database: 'down', queue: 'up', signing_key: 'up' }],
    ['Redis', { redisUrl: nowhere.redis }, { database: 'up', queue: 'down', signing_key: 'up' }],
    ['the signing key', { signingKey: () => false }, { database: 'up', queue: 'up', signing_key: 'down' }],
  ])('is not ready without %s, and says no more than that', async (_, parts, states) => {
    const app = await start(parts);
    expect(await get(app, '/health/ready')).toEqual({
      status: 503,
      caching: 'no-store',
      body: { status: 'down', ...states },
    });
    expect(await get(app, '/health/live')).toEqual({ status: 200, caching: 'no-store', body: { status: 'up' } });
  });

  it('is not ready on a database that takes no writes', async () => {
    const name = `readonly_${process.pid}`;
    const admin = new Client({ connectionString: databaseUrl });
    await admin.connect();
    await admin.query(`CREATE DATABASE ${name}`);
    await admin.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    closing.push(async () => {
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await admin.end();
    });

    const app = await start({ postgresUrl: withDatabase(databaseUrl, name) });
    expect(await get(app, '/health/ready')).toMatchObject({ status: 503, body: { database: 'down', queue: 'up' } });
  });

  it('is not ready once it drains, but alive', async () => {
    const app = await start();
    app.get(Readiness).drain();
    expect(await get(app, '/health/ready')).toMatchObject({
      status: 503,
      body: { status: 'down', database: 'up', queue: 'up', signing_key: 'up' },
    });
    expect(await get(app, '/health/live')).toMatchObject({ status: 200 });
  });

  it('asks its components once for all probes of half a second', async () => {
    let asked = 0;
    const app = await start({ signingKey: () => (asked += 1) > 0 });
    await Promise.all(Array.from({ length: 20 }, () => get(app, '/health/ready')));
    expect(asked).toBe(1);
    now += 499;
    await get(app, '/health/ready');
    expect(asked).toBe(1);
    now += 1;
    await get(app, '/health/ready');
    expect(asked).toBe(2);
  });
});
