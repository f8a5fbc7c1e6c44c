import { randomBytes, randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { SystemClock } from '../../src/clock/index.js';
import type { ServerConfig } from '../../src/config/index.js';
import { createDataSource, ensurePartitions, inTransaction, Postgres } from '../../src/database/index.js';
import { DerivedKeys } from '../../src/encryption/index.js';
import { Outbox, OutboxSignal } from '../../src/outbox/index.js';
import { type QueueBackend, ScheduledJobs } from '../../src/queue/index.js';
import { RefreshFamilies, RefreshRepository, RefreshSecrets } from '../../src/token/refresh/index.js';
import { firstRandomLength, successorRandomLength } from '../../src/token/refresh/refresh-secrets.js';
import { createMigratedDatabase } from '../support/migrated-database.js';
import type { TestDatabase } from '../support/postgres.js';

const day = 86_400;
const lifetimes = { idleSeconds: 7 * day, absoluteSeconds: 30 * day };

let database: TestDatabase;
let dataSource: DataSource;
let postgres: Postgres;
let repository: RefreshRepository;
let families: RefreshFamilies;
const secrets = new RefreshSecrets(new DerivedKeys(Buffer.alloc(32, 7)));

beforeAll(async () => {
  database = await createMigratedDatabase();
  dataSource = await createDataSource(database.url).initialize();
  await ensurePartitions(dataSource, 'access_tokens', 'day', new Date(Date.now() - day * 1000), 3);
  postgres = new Postgres(database.url, { max: 2, onError: () => undefined });
  repository = new RefreshRepository(postgres);
  const server = { issuer: 'https://signet.example' } as ServerConfig;
  const outbox = new Outbox(server, new SystemClock(), new OutboxSignal());
  families = new RefreshFamilies(repository, secrets, outbox, new ScheduledJobs({} as QueueBackend));
});

afterAll(async () => {
  await postgres.close();
  await dataSource.destroy();
  await database.drop();
});

async function addClient(): Promise<string> {
  const clientId = `client-${randomUUID()}`;
  await dataSource.query(
    `INSERT INTO clients (client_id, token_epoch, client_name, grant_types, token_endpoint_auth_method, scope, audience,
       resource_identifiers, allowed_networks, contacts, metadata)
     VALUES ($1, 3, 'A client', '{client_credentials,refresh_token}', 'client_secret_basic', '{}', '{}', '{}', '{}', '{}', '{}')`,
    [clientId],
  );
  return clientId;
}

/** The record of an access token of the client's. */
async function addAccessToken(clientId: string, members: { epoch?: number; seconds?: number } = {}) {
  const { epoch = 3, seconds = 600 } = members;
  const token = { jti: randomUUID(), expiresAt: Math.floor(Date.now() / 1000) + seconds };
  await dataSource.query(
    `INSERT INTO access_tokens (jti, expires_at, token_hash, client_id, client_epoch, kid, scope, aud, issued_at)
     VALUES ($1, to_timestamp($2), '\\x00', $3, $4, 'kid', '', '{}', to_timestamp($2) - interval '10 minutes')`,
    [token.jti, token.expiresAt, clientId, epoch],
  );
  return token;
}

async function begin(clientId: string) {
  const first = secrets.first(randomBytes(firstRandomLength));
  const accessToken = await addAccessToken(clientId);
  const family = { id: randomUUID(), scope: ['read:profile'], audience: ['https://api.a'] };
  const unbound = { jkt: undefined, certificateThumbprint: undefined };
  await inTransaction(dataSource, (tx) =>
    repository.begin(tx, { ...family, ...unbound }, accessToken, first, lifetimes),
  );
  return { id: family.id, first, accessToken };
}

async function count(table: string, familyId: string): Promise<number> {
  const column = table === 'refresh_families' ? 'id' : 'family_id';
  const [row] = await dataSource.query<{ count: number }[]>(
    `SELECT count(*)::int AS count FROM ${table} WHERE ${column} = $1`,
    [familyId],
  );
  return row?.count ?? 0;
}

const revoke = (familyId: string, reason = 'test') =>
  inTransaction(dataSource, (tx) => families.revoke(tx, familyId, reason));

describe('a family', () => {
  it('begins with the epoch of its access token, and is cut with it', async () => {
    const clientId = await addClient();
    const { first } = await begin(clientId);
    expect(await families.look(first.token)).toMatchObject({
      family: { clientId, scope: ['read:profile'], audience: ['https://api.a'], isCut: false, isRevoked: false },
      successor: undefined,
      client: { version: '1', mayRefresh: true },
    });
    await dataSource.query('UPDATE clients SET token_epoch = 4 WHERE client_id = $1', [clientId]);
    expect(await families.look(first.token)).toMatchObject({ family: { isCut: true } });
    expect(await families.inspect(first.token)).toBeUndefined();
  });

  it('does not begin without the record of its access token', async () => {
    const family = { id: randomUUID(), scope: [], audience: [], jkt: undefined, certificateThumbprint: undefined };
    const first = secrets.first(randomBytes(firstRandomLength));
    const unknown = { jti: randomUUID(), expiresAt: Math.floor(Date.now() / 1000) };
    await expect(
      inTransaction(dataSource, (tx) => repository.begin(tx, family, unknown, first, lifetimes)),
    ).rejects.toThrow('without its access token');
    expect(await count('refresh_families', family.id)).toBe(0);
  });

  it('never has two tokens of one generation, and never uses one twice', async () => {
    const { id, first } = await begin(await addClient());
    const rotate = () => {
      const next = secrets.next(first.token, randomBytes(successorRandomLength));
      return inTransaction(dataSource, (tx) => repository.rotate(tx, first.tokenId, next, 60));
    };
    // Without the lock of the family, which keeps them apart: the tables do so, too.
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, rotate));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await count('refresh_tokens', id)).toBe(2);
  });

  it('forgets access tokens that have expired', async () => {
    const clientId = await addClient();
    const { id } = await begin(clientId);
    for (const seconds of [-5, 600]) {
      const token = await addAccessToken(clientId, { seconds });
      await inTransaction(dataSource, (tx) => repository.addAccessToken(tx, id, token));
    }
    await inTransaction(dataSource, async (tx) => repository.addAccessToken(tx, id, await addAccessToken(clientId)));
    expect(await count('refresh_family_tokens', id)).toBe(3);
  });

  it.each(['signet_rt_', 'signet_cs_abcdefgh_', ''])('is not found by anything like %s', async (text) => {
    expect(await families.look(text)).toBeUndefined();
  });

  it('is not found by a token that was made up, of a public identifier', async () => {
    const { first } = await begin(await addClient());
    const random = Buffer.concat([Buffer.alloc(8), randomBytes(firstRandomLength - 8)]);
    const forged = new RefreshSecrets(new DerivedKeys(Buffer.alloc(32, 8))).again(random.toString(), first);
    expect(forged.split('_')[2]).toBe(first.tokenId);
    expect(await families.look(forged)).toBeUndefined();
    expect(await inTransaction(dataSource, (tx) => families.familyOf(tx, forged))).toBeUndefined();
    expect(await inTransaction(dataSource, (tx) => families.familyOf(tx, first.token))).toBeDefined();
  });
});

describe('its revocation', () => {
  it('ends what is live, once, with one event each', async () => {
    const clientId = await addClient();
    const { id, first, accessToken } = await begin(clientId);
    const others = {
      live: await addAccessToken(clientId),
      expired: await addAccessToken(clientId, { seconds: -5 }),
      cut: await addAccessToken(clientId, { epoch: 2 }),
      revoked: await addAccessToken(clientId),
    };
    await dataSource.query(`UPDATE access_tokens SET revoked_at = now(), revoked_reason = 'before' WHERE jti = $1`, [
      others.revoked.jti,
    ]);
    await dataSource.query(
      `INSERT INTO refresh_family_tokens SELECT $1, jti, expires_at FROM access_tokens WHERE jti = ANY ($2::uuid[])`,
      [id, Object.values(others).map(({ jti }) => jti)],
    );

    const ended = [accessToken, others.live]
      .map(({ jti, expiresAt }) => ({ jti, expiresAt: new Date(expiresAt * 1000) }))
      .toSorted((one, two) => (one.jti < two.jti ? -1 : 1));
    expect(await revoke(id, 'test')).toEqual(ended);
    expect(await families.inspect(first.token)).toBeUndefined();
    const events = await dataSource.query<object[]>(
      `SELECT type, subject, data FROM events WHERE data->>'client_id' = $1 ORDER BY subject`,
      [clientId],
    );
    expect(events).toEqual(
      ended.map(({ jti, expiresAt }) => ({
        type: 'oauth.token.revoked',
        subject: jti,
        data: { client_id: clientId, jti, expires_at: expiresAt.toISOString(), reason: 'test' },
      })),
    );
    const reasons = await dataSource.query<{ revoked_reason: string | null }[]>(
      'SELECT revoked_reason FROM access_tokens WHERE jti = ANY ($1::uuid[])',
      [[others.expired.jti, others.cut.jti, others.revoked.jti]],
    );
    expect(reasons.filter((row) => row.revoked_reason !== null)).toEqual([{ revoked_reason: 'before' }]);
    expect(await revoke(id, 'again')).toBeUndefined();
  });

  it('waits for whoever uses a token of the family, and ends what that one gave out', async () => {
    const clientId = await addClient();
    const { id, first } = await begin(clientId);
    const late = await addAccessToken(clientId);
    let revoked: ReturnType<typeof revoke> | undefined;
    await inTransaction(dataSource, async (tx) => {
      await repository.lock(tx, id);
      revoked = revoke(id);
      await repository.addAccessToken(tx, id, late);
      const next = secrets.next(first.token, randomBytes(successorRandomLength));
      await repository.rotate(tx, first.tokenId, next, 60);
    });
    expect((await revoked)?.map(({ jti }) => jti)).toContain(late.jti);
  });

  it('of an unknown family does nothing', async () => {
    expect(await revoke(randomUUID())).toBeUndefined();
  });
});

describe('pruning', () => {
  it('deletes families that ended a week ago, with all that belongs to them, however many', async () => {
    const clientId = await addClient();
    const old = await Promise.all(Array.from({ length: 45 }, () => begin(clientId)));
    const recent = await begin(clientId);
    const end = (familyId: string, ago: string) =>
      dataSource.query('UPDATE refresh_families SET expires_at = statement_timestamp() - $2::interval WHERE id = $1', [
        familyId,
        ago,
      ]);
    for (const { id } of old) await end(id, '7 days');
    await end(recent.id, '6 days 23 hours');

    await families.prune();

    const left = await Promise.all(
      ['refresh_families', 'refresh_tokens', 'refresh_family_tokens'].map((table) =>
        dataSource.query<unknown[]>(
          `SELECT 1 FROM ${table} WHERE ${table === 'refresh_families' ? 'id' : 'family_id'} = ANY ($1::uuid[])`,
          [old.map(({ id }) => id)],
        ),
      ),
    );
    expect(left).toEqual([[], [], []]);
    expect(await count('refresh_tokens', recent.id)).toBe(1);
  });
});
