import { createPrivateKey, randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { associatedData, EnvKeyWrapper, openEnvelope } from '../../src/encryption/index.js';
import type { CanaryWorld } from './canary-world.js';
import { until } from './receiver.js';
import type { TestRedis } from './redis.js';
import { basic } from './server.js';

interface StoredKey {
  readonly kid: string;
  readonly alg: string;
  readonly version: number;
  readonly kekId: string;
  readonly wrappedDek: Buffer;
  readonly ciphertext: Buffer;
}

const random = () => randomBytes(24).toString('base64url');

/** Signed deliveries, with a token and without, that the receiver refuses at first. */
export async function useEvents(world: CanaryWorld): Promise<void> {
  const { canaries, receiver } = world;
  const already = receiver.received.length;
  receiver.answer(({ headers }) => (headers['webhook-attempt'] === '1' ? 500 : 204));
  const service = await world.create({ client_name: 'Service', scope: 'read:profile' });
  const members = { url: receiver.url, event_types: ['oauth.*'], retry: { backoff_seconds: [1, 1, 1] } };
  const auth = { type: 'oauth2', scope: 'read:profile' };
  for (const [name, more] of Object.entries({ plain: {}, bearer: { client_id: service.client_id, auth } })) {
    const body = { ...members, ...more, name: `${name} ${random()}` };
    const created = await world.asAdmin('POST', '/admin/events/subscriptions', body);
    expect(created.status).toBe(201);
    const path = `/admin/events/subscriptions/${String(created.body['id'])}`;
    expect((await world.asAdmin('POST', `${path}/rotate-secret`, { overlap_seconds: 60 })).status).toBe(200);
  }
  const client = await world.create({ client_name: 'Told', scope: 'read:profile' });
  await world.asAdmin('POST', `/admin/oauth/clients/${client.client_id}/regenerate-secret`, { overlap_seconds: 0 });
  const arrived = () => receiver.received.slice(already).filter(({ headers }) => headers['webhook-attempt'] !== '1');
  await until(() => arrived().some(({ headers }) => headers.authorization !== undefined), 'a delivery with a token');
  await until(() => arrived().some(({ headers }) => headers.authorization === undefined), 'a delivery without one');
  for (const { headers } of receiver.received) {
    const { authorization } = headers;
    if (authorization !== undefined) canaries.add('access_token of a delivery', authorization.slice('Bearer '.length));
  }
}

/** Requests with secrets while the database fails them: tables are away, connections end. */
export async function useFaults(world: CanaryWorld): Promise<void> {
  const members = { scope: 'read:profile', grant_types: ['client_credentials', 'refresh_token'] };
  const client = await world.create({ client_name: 'Unlucky', ...members });
  const authorization = basic(client);
  const tokens = await world.token({}, { authorization });
  const refresh = { grant_type: 'refresh_token', refresh_token: String(tokens['refresh_token']) };
  const token = { token: String(tokens['access_token']) };
  const regenerate = `/admin/oauth/clients/${client.client_id}/regenerate-secret`;
  const asked = {
    access_tokens: () => world.post('/oauth/token', { grant_type: 'client_credentials' }, { authorization }),
    refresh_tokens: () => world.post('/oauth/token', refresh, { authorization }),
    client_secrets: () => world.asAdmin('POST', regenerate, { overlap_seconds: 60 }),
    subscription_secrets: () =>
      world.asAdmin('POST', '/admin/events/subscriptions', {
        name: 'Unlucky',
        url: world.receiver.url,
        event_types: ['*'],
      }),
  };
  await withDatabase(world, async (database) => {
    for (const [table, ask] of Object.entries(asked)) {
      await database.query(`ALTER TABLE ${table} RENAME TO away`);
      const { status } = await ask();
      expect([table, status >= 500]).toEqual([table, true]);
      await database.query(`ALTER TABLE away RENAME TO ${table}`);
    }
    await database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`,
    );
  });
  for (const path of ['/oauth/introspect', '/oauth/revoke']) await world.post(path, token, { authorization });
  await until(async () => (await world.fetch('/health/ready')).status === 200, 'that the server is ready again');
}

/** What the server keeps sealed: its private keys, which never leave it, and the key that all others come from. */
export async function openServerKeys(world: CanaryWorld): Promise<void> {
  const { canaries } = world;
  const bytes = canaries.add('bytes of the key-encryption key', Buffer.from(world.encryptionKey, 'base64'));
  const wrapper = new EnvKeyWrapper(bytes);
  await withDatabase(world, async (database) => {
    const { rows: roots } = await database.query<{ wrapped: Buffer }>(
      `SELECT wrapped FROM data_keys WHERE purpose = 'root'`,
    );
    const rootPlace = associatedData({ table: 'data_keys', id: 'root', alg: 'HKDF-SHA-256', purpose: 'root' });
    canaries.add('root key', await wrapper.unwrap(roots[0]?.wrapped ?? Buffer.alloc(0), rootPlace));
    const { rows } = await database.query<StoredKey>(
      `SELECT kid, alg, envelope_version AS version, kek_id AS "kekId", wrapped_dek AS "wrappedDek",
         private_ciphertext AS ciphertext
       FROM signing_keys WHERE kek_id IS NOT NULL`,
    );
    for (const { kid, alg, ...envelope } of rows) {
      const place = { table: 'signing_keys', id: kid, alg, purpose: 'token-signing' };
      const key = createPrivateKey({
        key: await openEnvelope(wrapper, envelope, place),
        format: 'der',
        type: 'pkcs8',
      });
      const jwk = key.export({ format: 'jwk' });
      for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi'] as const) {
        const value = jwk[member];
        if (value !== undefined) canaries.add(`${member} of a signing key`, Buffer.from(value, 'base64url'));
      }
      // The first lines also hold the public modulus.
      const pem = String(key.export({ format: 'pem', type: 'pkcs8' }))
        .trim()
        .split('\n');
      for (const line of pem.slice(Math.ceil(pem.length / 2), -1).filter((text) => text.length > 40)) {
        canaries.add('PEM of a signing key', line);
      }
    }
  });
}

/** Servers that cannot start: a wrong password, a key that is none, a bootstrap secret that is too weak. */
export async function useWrongConfiguration(world: CanaryWorld): Promise<void> {
  const wrong = (name: string, value: string) => world.canaries.add(name, value);
  if (world.dump !== undefined) {
    const password = wrong('wrong database password', randomBytes(24).toString('hex'));
    const url = new URL(world.databaseUrl);
    url.password = password;
    await world.failToStart('a wrong password', { DATABASE_URL: url.href });
    await world.command(['doctor'], { DATABASE_URL: url.href });
  }
  const otherKey = wrong('another key-encryption key', randomBytes(32).toString('base64'));
  await world.failToStart('another key', { KEY_ENCRYPTION_KEY: otherKey });
  const shortKey = wrong('key that is too short', randomBytes(31).toString('base64'));
  await world.failToStart('a key that is too short', { KEY_ENCRYPTION_KEY: shortKey });
  const weak = wrong('weak bootstrap secret', randomBytes(12).toString('hex'));
  await world.failToStart('a weak bootstrap secret', { BOOTSTRAP_CLIENT_SECRET: weak });
}

/** The password of a Redis, right and wrong. */
export async function useRedis(world: CanaryWorld, redis: TestRedis): Promise<void> {
  const password = world.canaries.add('Redis password', randomBytes(24).toString('hex'));
  await redis.command('CONFIG', 'SET', 'requirepass', password);
  const urlWith = (word: string) => redis.url.replace('redis://', `redis://:${word}@`);
  const wrong = world.canaries.add('wrong Redis password', randomBytes(24).toString('hex'));
  expect(await world.command(['doctor'], { REDIS_URL: urlWith(wrong) })).not.toBe(0);
  await world.start({ REDIS_URL: urlWith(password) });
  await useEvents(world);
  world.keep('Redis', await redisContent(urlWith(password)));
  await world.stop();
}

async function redisContent(url: string): Promise<string> {
  const client = new Redis(url);
  try {
    const found: string[] = [];
    for (const key of await client.keys('*')) {
      const commands = {
        string: () => client.get(key),
        hash: () => client.hgetall(key),
        list: () => client.lrange(key, 0, -1),
        set: () => client.smembers(key),
        zset: () => client.zrange(key, 0, -1),
        stream: () => client.xrange(key, '-', '+'),
      };
      const type = (await client.type(key)) as keyof typeof commands;
      found.push(`${key} ${JSON.stringify(await commands[type]?.())}`);
    }
    expect(found.length).toBeGreaterThan(0);
    return found.join('\n');
  } finally {
    client.disconnect();
  }
}

async function withDatabase(world: CanaryWorld, work: (database: Client) => Promise<void>): Promise<void> {
  const database = new Client({ connectionString: world.databaseUrl });
  await database.connect();
  try {
    await work(database);
  } finally {
    await database.end();
  }
}
