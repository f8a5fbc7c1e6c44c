import { DataSource } from 'typeorm';
import { migrations } from '../../migrations/index.js';
import { fullDataSource } from '../../src/app.setup.js';
import {
  createDataSource,
  dropPartitionsBefore,
  ensurePartitions,
  migrate,
  partitionAt,
} from '../../src/database/index.js';
import { createTestDatabase, type TestDatabase } from '../support/postgres.js';
import { missingFromSchema } from '../support/schema-drift.js';

/**
 * What was in the tables when a migration was the newest: at least one row for each table that it made or changed. A table
 * without rows fails the tests.
 */
const rowsOfThatTime: Readonly<Record<string, readonly string[]>> = {
  Keys1795219200000: [
    `INSERT INTO data_keys (purpose, kek_id, wrapped) VALUES ('root', '0123456789abcdef', '\\x0102')`,
    `INSERT INTO signing_keys (kid, alg, status, public_jwk, private_ciphertext, wrapped_dek, kek_id, activated_at)
     VALUES ('kid-1', 'RS256', 'active', '{"kty":"RSA"}', '\\x03', '\\x04', '0123456789abcdef', now())`,
    `INSERT INTO signing_keys (kid, alg, status, public_jwk) VALUES ('kid-0', 'ES256', 'revoked', '{"kty":"EC"}')`,
  ],
  Scopes1795219201000: [
    `INSERT INTO scopes (name, description) VALUES ('manage:orders', 'Manage orders')`,
    `UPDATE scope_registry SET version = version + 1`,
  ],
  Clients1795219202000: [
    `INSERT INTO clients (client_id, version, token_epoch, client_name, grant_types, token_endpoint_auth_method, scope,
       audience, resource_identifiers, access_token_ttl_seconds, allowed_networks, contacts, metadata, last_used_at)
     VALUES ('billing', 7, 2, 'Billing "ü"', '{client_credentials}', 'client_secret_basic', '{manage:orders,read:profile}',
       '{https://api.example.com}', '{}', 900, '{10.0.0.0/8}', '{ops@example.com}', '{"team":"money"}', now())`,
    `INSERT INTO clients (client_id, status, client_name, grant_types, token_endpoint_auth_method, scope, audience,
       resource_identifiers, allowed_networks, contacts, metadata, deleted_at)
     VALUES ('gone', 'deleted', 'Gone', '{}', 'client_secret_post', '{}', '{}', '{}', '{}', '{}', '{}', now())`,
    `INSERT INTO client_secrets (secret_id, client_id, hash, hint, expires_at)
     VALUES ('abcdefgh', 'billing', decode(repeat('ab', 32), 'hex'), 'wxyz', now())`,
    `INSERT INTO bootstrap (client_id) VALUES ('gone')`,
  ],
  Audit1795219203000: [
    `CREATE TABLE audit_log_old PARTITION OF audit_log FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')`,
    `INSERT INTO audit_log (id, occurred_at, action, success, actor_client_id, ip_address, details)
     VALUES ('019a0000-0000-7000-8000-000000000001', '2026-01-15', 'client.created', true, 'billing', '10.1.2.3', '{"a":1}')`,
  ],
  AccessTokens1795219204000: [
    `CREATE TABLE access_tokens_old PARTITION OF access_tokens FOR VALUES FROM ('2026-01-01') TO ('2026-01-02')`,
    `INSERT INTO access_tokens (jti, expires_at, token_hash, client_id, client_epoch, kid, scope, aud, issued_at)
     VALUES ('019a0000-0000-7000-8000-000000000002', '2026-01-01T12:00Z', decode(repeat('cd', 32), 'hex'), 'billing', 2,
       'kid-1', 'manage:orders', '{https://api.example.com}', '2026-01-01T11:50Z')`,
  ],
  Outbox1795219205000: [
    `INSERT INTO events (id, source, source_id, type, subject, data, occurred_at)
     VALUES ('019a0000-0000-7000-8000-000000000003', 'https://signet.example.com', '019a0000-0000-7000-8000-000000000003',
       'oauth.client.disabled', 'billing', '{"client_id":"billing","epoch":"2"}', '2026-01-01T11:50Z')`,
  ],
  TokenLife1795219206000: [
    `INSERT INTO client_token_cuts (client_id, client_epoch, reason) VALUES ('billing', 1, 'client_disabled')`,
    `UPDATE clients SET refresh_token_grace_seconds = 10, tls_client_auth_subject_dn = 'CN=billing' WHERE client_id = 'billing'`,
    `INSERT INTO refresh_families (id, client_id, client_epoch, scope, audience, jkt, expires_at)
     VALUES ('019a0000-0000-7000-8000-000000000004', 'billing', 2, '{manage:orders}', '{https://api.example.com}', 'jkt', now())`,
    `INSERT INTO refresh_tokens (token_id, family_id, generation, hash, salt, expires_at)
     VALUES ('abcdefgh', '019a0000-0000-7000-8000-000000000004', 0, decode(repeat('ef', 32), 'hex'), '\\x05', now())`,
    `INSERT INTO refresh_family_tokens (family_id, jti, expires_at)
     VALUES ('019a0000-0000-7000-8000-000000000004', '019a0000-0000-7000-8000-000000000002', '2026-01-01T12:00Z')`,
    `INSERT INTO single_use (purpose, owner, hash, expires_at)
     VALUES ('client_assertion', 'billing', decode(repeat('01', 32), 'hex'), now())`,
  ],
  KeyLife1795219207000: [
    `INSERT INTO signing_keys (kid, alg, status, public_jwk, activates_at) VALUES ('kid-2', 'RS256', 'pending', '{"kty":"RSA"}', now())`,
    `UPDATE signing_keys SET revoked_at = now() WHERE status = 'revoked'`,
  ],
  AuditChain1795219208000: [
    `INSERT INTO audit_log (id, occurred_at, action, success, batch_id) VALUES ('019a0000-0000-7000-8000-000000000005',
       '2026-01-16', 'token.issued', true, '019a0000-0000-7000-8000-000000000006')`,
    `INSERT INTO token_batches (id, entries, digest)
     VALUES ('019a0000-0000-7000-8000-000000000006', 1, decode(repeat('ab', 32), 'hex'))`,
    `INSERT INTO audit_chain (seq, kind, payload, prev, mac)
     VALUES (1, 'origin', '{}', decode(repeat('00', 32), 'hex'), decode(repeat('cd', 32), 'hex'))`,
    `UPDATE audit_chain_head SET seq = 1, mac = decode(repeat('cd', 32), 'hex')`,
  ],
  Statistics1795219209000: [
    `INSERT INTO token_counts (expires_at, issued_hour, kid, issued, revoked)
     VALUES ('2026-01-01T12:00Z', '2026-01-01T11:00Z', 'kid-1', 3, 1)`,
    `INSERT INTO client_token_counts (client_id, client_epoch, expires_at, issued_hour, kid, issued, revoked)
     VALUES ('billing', 2, '2026-01-01T12:00Z', '2026-01-01T11:00Z', 'kid-1', 3, 1)`,
    `INSERT INTO token_hours (hour, issued, revoked) VALUES ('2026-01-01T11:00Z', 3, 0)`,
    `INSERT INTO client_token_hours (hour, client_id, issued) VALUES ('2026-01-01T11:00Z', 'billing', 3)`,
    `INSERT INTO client_token_days (day, client_id, issued) VALUES ('2026-01-01T00:00Z', 'billing', 3)`,
    `INSERT INTO refused_request_hours (hour, error, shard, refused) VALUES ('2026-01-01T11:00Z', 'invalid_client', 7, 5)`,
  ],
  EventRoad1795219210000: [
    `INSERT INTO events (id, source, source_id, type, occurred_at, envelope, publisher)
     VALUES ('019a0000-0000-7000-8000-000000000007', 'billing/orders', 'order-1', 'order.created', '2026-01-01T12:00Z',
       '{"specversion":"1.0","id":"order-1","source":"billing/orders","type":"order.created"}', 'billing')`,
    `INSERT INTO subscriptions (id, name, url, event_types, client_id, headers, retry_backoff_seconds, ordering)
     VALUES ('019a0000-0000-7000-8000-000000000008', 'orders', 'https://receiver.example.com/hook', '{order.*}', 'billing',
       '{"x-team":"money"}', '{1,2,4}', 'subject')`,
    `UPDATE subscription_registry SET version = version + 1`,
    `INSERT INTO subscription_secrets (id, subscription_id, ciphertext)
     VALUES ('019a0000-0000-7000-8000-000000000009', '019a0000-0000-7000-8000-000000000008', '\\x06')`,
    `INSERT INTO subscription_health (subscription_id, breaker, consecutive_failures, opened_at, dead)
     VALUES ('019a0000-0000-7000-8000-000000000008', 'open', 12, now(), 1)`,
    `INSERT INTO deliveries (id, event_id, subscription_id, event_type, lane, publisher, seq, status, attempt_count, due_at)
     VALUES ('019a0000-0000-7000-8000-00000000000a', '019a0000-0000-7000-8000-000000000007',
       '019a0000-0000-7000-8000-000000000008', 'order.created', 'bulk', 'billing', 2, 'dead', 4, now())`,
    `CREATE TABLE delivery_attempts_old PARTITION OF delivery_attempts FOR VALUES FROM ('2026-01-01') TO ('2026-01-02')`,
    `INSERT INTO delivery_attempts (id, at, delivery_id, subscription_id, attempt, status_code, error, duration_ms)
     VALUES ('019a0000-0000-7000-8000-00000000000b', '2026-01-01T12:00Z', '019a0000-0000-7000-8000-00000000000a',
       '019a0000-0000-7000-8000-000000000008', 4, 500, 'http_500', 12)`,
    `INSERT INTO dead_letters (id, delivery_id, event_id, event_type, subscription_id, reason, attempt_count)
     VALUES ('019a0000-0000-7000-8000-00000000000c', '019a0000-0000-7000-8000-00000000000a',
       '019a0000-0000-7000-8000-000000000007', 'order.created', '019a0000-0000-7000-8000-000000000008',
       'attempts_exhausted', 4)`,
    `INSERT INTO event_types (type, schema) VALUES ('order.created', '{"type":"object"}')`,
  ],
  StateSync1795219211000: [
    `INSERT INTO state_types (resource_type, client_id) VALUES ('order', 'billing')`,
    `INSERT INTO state_resources (resource_type, resource_id, version, state, digest, updated_at)
     VALUES ('order', '1', 2, '{"paid":true}', decode(repeat('ab', 32), 'hex'), now())`,
    `UPDATE state_feed SET position = 7`,
    `INSERT INTO state_changes (position, resource_type, resource_id, version, deleted, updated_at)
     VALUES (7, 'order', '1', 2, false, now())`,
  ],
  Limits1795219212000: [
    `UPDATE clients SET rate_limit_per_day = 1000, rate_limit_mode = 'report', token_coalescing_seconds = 10
     WHERE client_id = 'billing'`,
    `INSERT INTO coalesced_request_hours (hour, shard, requests) VALUES ('2026-01-01T11:00Z', 3, 7)`,
    `INSERT INTO limited_request_hours (hour, client_id, quota, mode, shard, requests)
     VALUES ('2026-01-01T11:00Z', 'billing', 'day', 'report', 3, 2)`,
  ],
  TokenFolds1795219214000: [`UPDATE token_folds SET version = version + 1`],
  TokenMinutes1795219215000: [
    `UPDATE token_counts SET issued = issued + 1`,
    `INSERT INTO token_counts (expires_at, issued_hour, kid, issued, revoked)
     VALUES ('2026-01-01T12:00:59Z', '2026-01-01T11:00Z', 'kid-1', 2, 0)`,
  ],
};

let database: TestDatabase;
let open: DataSource[];

beforeEach(async () => {
  database = await createTestDatabase();
  open = [];
});

afterEach(async () => {
  await Promise.all(open.map((dataSource) => dataSource.destroy()));
  await database.drop();
});

async function connected(dataSource: DataSource): Promise<DataSource> {
  open.push(dataSource);
  return dataSource.initialize();
}

/** Runs the migrations up to the one of that name one by one, as they were released, and puts each one's rows in after it. */
async function liveUntil(name: string): Promise<DataSource> {
  const until = migrations.findIndex((migration) => migration.name === name) + 1;
  const dataSource = await connected(createDataSource(database.url));
  for (let count = 1; count <= until; count += 1) {
    const ofThatTime = new DataSource({
      type: 'postgres',
      url: database.url,
      migrations: migrations.slice(0, count),
      migrationsTableName: 'migrations',
    });
    await ofThatTime.initialize();
    await ofThatTime.runMigrations({ transaction: 'each' });
    await ofThatTime.destroy();
    const statements = rowsOfThatTime[migrations[count - 1]?.name ?? ''] ?? [];
    for (const statement of statements) await dataSource.query(statement);
  }
  return dataSource;
}

type Tables = Record<string, Record<string, unknown>[]>;

/** Every row of every table that is no partition. */
async function contents(dataSource: DataSource): Promise<Tables> {
  const tables = await dataSource.query<{ name: string }[]>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
       AND NOT relispartition AND relname <> 'migrations' ORDER BY 1`,
  );
  const found: Tables = {};
  for (const { name } of tables) {
    const rows = await dataSource.query<{ row: Record<string, unknown> }[]>(
      `SELECT to_jsonb(t) AS row FROM "${name}" t ORDER BY 1`,
    );
    found[name] = rows.map(({ row }) => row);
  }
  return found;
}

describe('migrations', () => {
  it.each(migrations.map(({ name }) => name))('%s: the rows of its time survive all later ones', async (name) => {
    const dataSource = await liveUntil(name);
    const rows = await contents(dataSource);
    expect(Object.keys(rows).filter((table) => rows[table]?.length === 0)).toEqual([]);

    await migrate(dataSource);

    const survivors = await contents(dataSource);
    for (const [table, old] of Object.entries(rows)) {
      expect(survivors[table]).toEqual(
        expect.arrayContaining(old.map((row) => expect.objectContaining(row) as unknown)),
      );
    }
  });

  it('take over into minutes what is counted by the second', async () => {
    const dataSource = await liveUntil('TokenFolds1795219214000');
    await dataSource.query(
      `INSERT INTO token_counts (expires_at, issued_hour, kid, issued, revoked)
       VALUES ('2026-01-01T12:00:59Z', '2026-01-01T11:00Z', 'kid-1', 2, 0)`,
    );
    await migrate(dataSource);
    const minutes = () => dataSource.query<unknown[]>('SELECT minute, issued, revoked FROM token_minutes');
    const minute = new Date('2026-01-01T12:00Z');
    expect(await minutes()).toEqual([{ minute, issued: '5', revoked: '1' }]);
    expect(await dataSource.query('SELECT client_id, minute, issued, revoked FROM client_token_minutes')).toEqual([
      { client_id: 'billing', minute, issued: '3', revoked: '1' },
    ]);
    await dataSource.query(`UPDATE token_counts SET revoked = revoked + 1`);
    expect(await minutes()).toEqual([{ minute, issued: '5', revoked: '3' }]);
    await dataSource.query('DELETE FROM token_counts');
    expect(await minutes()).toEqual([]);
  });

  it('bring an empty database up to date, once', async () => {
    const dataSource = await connected(createDataSource(database.url));
    expect(await migrate(dataSource)).toEqual(migrations.map(({ name }) => name));
    expect(await migrate(dataSource)).toEqual([]);
  });

  it('can all be undone, and run again', async () => {
    const dataSource = await connected(createDataSource(database.url));
    await migrate(dataSource);
    for (const _ of migrations) await dataSource.undoLastMigration();
    const left = await dataSource.query<unknown[]>(
      `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v') AND relname <> 'migrations'
       UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace`,
    );
    expect(left).toEqual([]);
    expect(await migrate(dataSource)).toHaveLength(migrations.length);
  });

  it('are run once by ten processes that start at the same time', async () => {
    const sources = await Promise.all(Array.from({ length: 10 }, () => connected(createDataSource(database.url))));
    const executed = await Promise.all(sources.map((dataSource) => migrate(dataSource)));
    expect(executed.flat()).toEqual(migrations.map(({ name }) => name));
  });

  it('leave no lock behind when one fails, so that the next start can try again', async () => {
    const dataSource = await connected(createDataSource(database.url));
    await dataSource.query('CREATE TABLE clients (in_the_way integer)');
    await expect(migrate(dataSource)).rejects.toThrow('"clients" already exists');
    await dataSource.query('DROP TABLE clients');
    const other = await connected(createDataSource(database.url));
    expect(await migrate(other)).toContain('Clients1795219202000');
  });

  it('make what the entities say, partitions included', async () => {
    const dataSource = await connected(fullDataSource(database.url));
    await migrate(dataSource);
    await ensurePartitions(dataSource, 'access_tokens', 'day', new Date(), 2);
    await ensurePartitions(dataSource, 'audit_log', 'month', new Date(), 2);
    await ensurePartitions(dataSource, 'delivery_attempts', 'day', new Date(), 2);
    expect(await missingFromSchema(dataSource)).toEqual([]);
  });

  it('keep their rule: one active key per algorithm, one bootstrap, one registry, only what is valid', async () => {
    const dataSource = await connected(createDataSource(database.url));
    await migrate(dataSource);
    const refused = async (statement: string): Promise<string | undefined> =>
      dataSource.query(statement).then(
        () => undefined,
        (error: { code: string }) => error.code,
      );
    const key = (kid: string, status: string) =>
      `INSERT INTO signing_keys (kid, alg, status, public_jwk) VALUES ('${kid}', 'RS256', '${status}', '{}')`;
    expect(await refused(key('one', 'active'))).toBeUndefined();
    expect(await refused(key('two', 'active'))).toBe('23505');
    expect(await refused(key('three', 'unheard-of'))).toBe('23514');
    expect(await refused(`INSERT INTO scope_registry (version) VALUES (1)`)).toBe('23505');
    expect(await refused(`INSERT INTO scope_registry (singleton, version) VALUES (false, 1)`)).toBe('23514');
    expect(await refused(`INSERT INTO bootstrap (client_id) VALUES ('one')`)).toBeUndefined();
    expect(await refused(`INSERT INTO bootstrap (client_id) VALUES ('two')`)).toBe('23505');
    expect(
      await refused(
        `INSERT INTO client_secrets (secret_id, client_id, hash, hint) VALUES ('x', 'nobody', '\\x00', '')`,
      ),
    ).toBe('23514');
  });
});

describe('audit_log', () => {
  let dataSource: DataSource;
  const january = new Date('2026-01-15T00:00:00Z');

  beforeEach(async () => {
    dataSource = await connected(createDataSource(database.url));
    await migrate(dataSource);
    await ensurePartitions(dataSource, 'audit_log', 'month', january, 0);
    await dataSource.query(
      `INSERT INTO audit_log (id, occurred_at, action, success) VALUES (gen_random_uuid(), $1, 'token.issued', true)`,
      [january],
    );
  });

  it.each([
    ['UPDATE', `UPDATE audit_log SET success = false`],
    ['UPDATE of its partition', `UPDATE audit_log_p202601 SET success = false`],
    ['DELETE', `DELETE FROM audit_log`],
    ['DELETE from its partition', `DELETE FROM audit_log_p202601`],
    ['TRUNCATE', `TRUNCATE audit_log`],
    [
      'INSERT that would overwrite',
      `INSERT INTO audit_log SELECT * FROM audit_log ON CONFLICT (id, occurred_at) DO UPDATE SET success = false`,
    ],
  ])('refuses %s, of its owner too', async (_, statement) => {
    const before = await contents(dataSource);
    await expect(dataSource.query(statement)).rejects.toThrow('audit_log is append-only');
    expect(await contents(dataSource)).toEqual(before);
  });

  it('takes entries, and may lose a whole partition', async () => {
    await ensurePartitions(dataSource, 'audit_log', 'month', january, 1);
    expect(await dropPartitionsBefore(dataSource, 'audit_log', 'month', new Date('2026-02-01T00:00:00Z'))).toEqual([
      'audit_log_p202601',
    ]);
    expect(await contents(dataSource)).toMatchObject({ audit_log: [] });
  });
});

describe('partitions', () => {
  let dataSource: DataSource;
  const now = new Date('2026-12-30T23:59:59.999Z');
  const days = ['access_tokens_p20261230', 'access_tokens_p20261231', 'access_tokens_p20270101'];

  beforeEach(async () => {
    dataSource = await connected(createDataSource(database.url));
    await migrate(dataSource);
  });

  async function partitions(): Promise<{ name: string; bounds: string }[]> {
    return dataSource.transaction(async (tx) => {
      await tx.query(`SET LOCAL TimeZone = 'UTC'`);
      return tx.query<{ name: string; bounds: string }[]>(
        `SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bounds
         FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'access_tokens'::regclass ORDER BY 1`,
      );
    });
  }

  async function partitionNames(): Promise<string[]> {
    return (await partitions()).map(({ name }) => name);
  }

  async function storeToken(expiresAt: string): Promise<void> {
    await dataSource.query(
      `INSERT INTO access_tokens (jti, expires_at, token_hash, client_id, client_epoch, kid, scope, aud, issued_at)
       VALUES (gen_random_uuid(), $1, '\\x00', 'c', 0, 'k', '', '{}', now())`,
      [expiresAt],
    );
  }

  it('begin and end at midnight UTC, wherever the server runs, without a gap', async () => {
    await dataSource.query(`ALTER DATABASE "${dataSource.driver.database}" SET TimeZone = 'Pacific/Auckland'`);
    await dataSource.destroy();
    await dataSource.initialize();
    await ensurePartitions(dataSource, 'access_tokens', 'day', now, 2);
    expect(await partitions()).toEqual([
      { name: days[0], bounds: `FOR VALUES FROM ('2026-12-30 00:00:00+00') TO ('2026-12-31 00:00:00+00')` },
      { name: days[1], bounds: `FOR VALUES FROM ('2026-12-31 00:00:00+00') TO ('2027-01-01 00:00:00+00')` },
      { name: days[2], bounds: `FOR VALUES FROM ('2027-01-01 00:00:00+00') TO ('2027-01-02 00:00:00+00')` },
    ]);
    await storeToken('2026-12-30T00:00:00Z');
    await storeToken('2027-01-01T23:59:59.999999Z');
    await expect(storeToken('2027-01-02T00:00:00Z')).rejects.toThrow('no partition');
  });

  it('of months go from the first to the first', () => {
    expect(partitionAt('audit_log', 'month', new Date('2026-01-31T23:00:00Z'), 1)).toEqual({
      name: 'audit_log_p202602',
      from: new Date('2026-02-01T00:00:00Z'),
      to: new Date('2026-03-01T00:00:00Z'),
    });
  });

  it('are left alone when they exist, and their rows with them', async () => {
    await ensurePartitions(dataSource, 'access_tokens', 'day', now, 1);
    await storeToken('2026-12-31T12:00:00Z');
    await ensurePartitions(dataSource, 'access_tokens', 'day', now, 2);
    expect(await partitionNames()).toEqual(days);
    expect((await contents(dataSource))['access_tokens']).toHaveLength(1);
  });

  it('are made once by ten that make them at the same time, while tokens are stored', async () => {
    await ensurePartitions(dataSource, 'access_tokens', 'day', now, 0);
    const sources = await Promise.all(Array.from({ length: 10 }, () => connected(createDataSource(database.url))));
    await Promise.all([
      ...sources.map((source) => ensurePartitions(source, 'access_tokens', 'day', now, 2)),
      ...Array.from({ length: 20 }, () => storeToken('2026-12-30T12:00:00Z')),
    ]);
    expect(await partitionNames()).toEqual(days);
    expect((await contents(dataSource))['access_tokens']).toHaveLength(20);
  });

  it('are dropped only when all of their range has passed', async () => {
    await ensurePartitions(dataSource, 'access_tokens', 'day', now, 2);
    const dropBefore = (at: string) => dropPartitionsBefore(dataSource, 'access_tokens', 'day', new Date(at));
    expect(await dropBefore('2026-12-30T23:59:59.999Z')).toEqual([]);
    expect(await dropBefore('2026-12-31T00:00:00Z')).toEqual([days[0]]);
    expect(await dropBefore('2026-12-31T00:00:00Z')).toEqual([]);
    expect(await partitionNames()).toEqual(days.slice(1));
  });

  it('are dropped once by ten that drop them at the same time', async () => {
    await ensurePartitions(dataSource, 'access_tokens', 'day', now, 2);
    const sources = await Promise.all(Array.from({ length: 10 }, () => connected(createDataSource(database.url))));
    await Promise.all(
      sources.map((source) => dropPartitionsBefore(source, 'access_tokens', 'day', new Date('2027-01-01T00:00:00Z'))),
    );
    expect(await partitionNames()).toEqual(days.slice(2));
  });

  it('stay while somebody reads them: the drop gives way, and succeeds later', async () => {
    await ensurePartitions(dataSource, 'access_tokens', 'day', now, 0);
    const reader = dataSource.createQueryRunner();
    await reader.startTransaction();
    await reader.query('SELECT count(*) FROM access_tokens');
    const later = new Date('2027-01-01T00:00:00Z');
    await expect(dropPartitionsBefore(dataSource, 'access_tokens', 'day', later)).rejects.toThrow();
    await reader.commitTransaction();
    await reader.release();
    expect(await dropPartitionsBefore(dataSource, 'access_tokens', 'day', later)).toEqual([days[0]]);
  });
});
