import { randomInt } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { SystemClock } from '../../src/clock/index.js';
import { createDataSource, ensurePartitions, Postgres } from '../../src/database/index.js';
import { createQueueBackend, ScheduledJobs } from '../../src/queue/index.js';
import { HoardingRepository } from '../../src/statistics/hoarding.repository.js';
import { RefusalCounts } from '../../src/statistics/refusal-counts.service.js';
import { StatisticsRepository, type TokenCount } from '../../src/statistics/statistics.repository.js';
import { TopClientsRepository } from '../../src/statistics/top-clients.repository.js';
import { TokenCounts } from '../../src/statistics/token-counts.service.js';
import type { AccessTokenRecord } from '../../src/token/access-token-record.js';
import { AccessTokenWriter } from '../../src/token/access-token.writer.js';
import { createMigratedDatabase } from '../support/migrated-database.js';
import { openDatabaseProxy } from '../support/database-proxy.js';
import type { TestDatabase } from '../support/postgres.js';
import { addClient, addKey, termsFor, tokenRecord } from './token-fixture.js';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** Two days back and one ahead: all that these tests do. */
const always = { from: new Date(Date.now() - 2 * dayMs), to: new Date(Date.now() + dayMs) };

let database: TestDatabase;
let dataSource: DataSource;
let pools: Postgres[];
let writers: AccessTokenWriter[];
let counts: TokenCounts;
let kid: string;
const repository = new StatisticsRepository();
let topClients: TopClientsRepository;

beforeEach(async () => {
  topClients = new TopClientsRepository();
  database = await createMigratedDatabase();
  dataSource = await createDataSource(database.url).initialize();
  await ensurePartitions(dataSource, 'access_tokens', 'day', new Date(Date.now() - 2 * dayMs), 4);
  await ensurePartitions(dataSource, 'audit_log', 'month', new Date(Date.now() - 2 * dayMs), 1);
  pools = [0, 1].map(() => new Postgres(database.url, { max: 2, onError: () => undefined }));
  writers = pools.map((pool) => new AccessTokenWriter(pool, new SystemClock()));
  counts = new TokenCounts(
    dataSource,
    new ScheduledJobs(createQueueBackend({ postgresUrl: database.url, prefix: '{none}' })),
  );
  kid = await addKey(dataSource, 'active');
});

afterEach(async () => {
  await Promise.all(writers.map((writer) => writer.onApplicationShutdown()));
  await Promise.all(pools.map((pool) => pool.close()));
  await dataSource.destroy();
  await database.drop();
});

/** What the counters say, of one moment. */
function counted(hours = always): Promise<TokenCount> {
  return dataSource.transaction('REPEATABLE READ', (tx) => repository.tokens(tx, hours));
}

/** What the rows say: a token is revoked if it, its client or its key was cut before it expired (security.md D5). */
async function inRows(): Promise<TokenCount> {
  const [row] = await dataSource.query<[TokenCount]>(
    `SELECT count(*)::int AS issued, count(*) FILTER (WHERE NOT cut AND alive)::int AS active,
       count(*) FILTER (WHERE cut)::int AS revoked, count(*) FILTER (WHERE NOT cut AND NOT alive)::int AS expired
     FROM (
       SELECT t.expires_at > now() AS alive,
         coalesce(least(t.revoked_at, c.cut_at, k.revoked_at) < t.expires_at, false) AS cut
       FROM access_tokens t
       LEFT JOIN client_token_cuts c ON c.client_id = t.client_id AND c.client_epoch = t.client_epoch
       LEFT JOIN signing_keys k ON k.kid = t.kid
     ) tokens`,
  );
  return row;
}

function top(): Promise<unknown> {
  return dataSource.transaction('REPEATABLE READ', (tx) => topClients.read(tx, always, 10));
}

async function write(records: readonly AccessTokenRecord[]): Promise<string[]> {
  return Promise.all(records.map((record, index) => writers[index % 2]!.write(record)));
}

async function cut(clientId: string): Promise<void> {
  await dataSource.query(
    `WITH cut AS (UPDATE clients SET token_epoch = token_epoch + 1 WHERE client_id = $1 RETURNING token_epoch)
     INSERT INTO client_token_cuts (client_id, client_epoch, reason) SELECT $1, token_epoch - 1, 'tokens_revoked' FROM cut`,
    [clientId],
  );
}

async function revoke(...jtis: string[]): Promise<void> {
  await dataSource.query(
    `UPDATE access_tokens SET revoked_at = statement_timestamp(), revoked_reason = 'test' WHERE jti = ANY ($1::uuid[])`,
    [jtis],
  );
}

describe('the counters of tokens', () => {
  it('are exact over two writers that issue for the same clients while the counters are added up and read', async () => {
    const clients = [await addClient(dataSource), await addClient(dataSource), await addClient(dataSource)];
    const terms = clients.map((clientId) => termsFor(clientId));
    const issuing = new AbortController();
    const seen: TokenCount[] = [];
    const folding = (async () => {
      while (!issuing.signal.aborted) await counts.fold();
    })();
    const reading = (async () => {
      while (!issuing.signal.aborted) seen.push(await counted());
    })();
    let committed = 0;
    for (let round = 0; round < 20; round += 1) {
      await write(Array.from({ length: 150 }, () => tokenRecord(terms[randomInt(3)]!, kid)));
      committed += 150;
      expect((await counted()).issued).toBe(committed);
    }
    issuing.abort();
    await Promise.all([folding, reading]);

    const expected = { issued: 3_000, active: 3_000, revoked: 0, expired: 0 };
    expect(await counted()).toEqual(expected);
    await counts.fold();
    expect(await counted()).toEqual(expected);
    expect(await dataSource.query('SELECT * FROM token_count_changes')).toEqual([]);
    for (const [index, { issued, active }] of seen.entries()) {
      expect(active).toBe(issued);
      expect(issued).toBeGreaterThanOrEqual(seen[index - 1]?.issued ?? 0);
    }
    expect(await top()).toEqual(
      await dataSource.query(
        `SELECT client_id, count(*)::float8 AS issued FROM access_tokens GROUP BY 1 ORDER BY 2 DESC, 1`,
      ),
    );
  });

  it('do not count what was stale, alone or in a batch with others, and count the others once', async () => {
    const clientId = await addClient(dataSource);
    const terms = termsFor(clientId);
    const stale = termsFor(clientId, { clientVersion: '4' });
    expect(await writers[0]!.write(tokenRecord(stale, kid))).toBe('stale');
    expect(await counted()).toMatchObject({ issued: 0 });
    const records = Array.from({ length: 60 }, (_, index) => tokenRecord(index % 3 === 0 ? stale : terms, kid));
    const outcomes = await Promise.all(records.map((record) => writers[0]!.write(record)));
    expect(outcomes).toEqual(records.map((_, index) => (index % 3 === 0 ? 'stale' : 'written')));
    expect(await counted()).toEqual({ issued: 40, active: 40, revoked: 0, expired: 0 });
    expect(await inRows()).toMatchObject({ issued: 40 });
  });

  it('count what is written in a transaction if it commits, and nobody waits for it', async () => {
    const terms = termsFor(await addClient(dataSource));
    await dataSource.transaction(async (tx) => {
      expect(await writers[0]!.writeIn(tx, tokenRecord(terms, kid))).toBe(true);
      expect(await write([tokenRecord(terms, kid), tokenRecord(terms, kid)])).toEqual(['written', 'written']);
      await counts.fold();
      expect(await counted()).toMatchObject({ issued: 2 });
    });
    expect(await counted()).toMatchObject({ issued: 3 });
    const undone = dataSource.transaction(async (tx) => {
      await writers[0]!.writeIn(tx, tokenRecord(terms, kid));
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(await counted()).toMatchObject({ issued: 3 });
  });

  it('know what was revoked: one by one, with the client, with the key, and in any order of these', async () => {
    const [a, b, c] = [await addClient(dataSource), await addClient(dataSource), await addClient(dataSource)];
    const other = await addKey(dataSource);
    const records = [a, b, c].flatMap((clientId) =>
      [kid, other].flatMap((by) => Array.from({ length: 10 }, () => tokenRecord(termsFor(clientId), by))),
    );
    await write(records);
    const jtis = records.map(({ jti }) => jti);
    const check = async (revoked: number) => {
      expect(await counted()).toEqual({ issued: 60, active: 60 - revoked, revoked, expired: 0 });
      expect(await inRows()).toEqual(await counted());
    };
    await check(0);
    await revoke(jtis[0]!, jtis[1]!, jtis[10]!, jtis[20]!);
    await check(4);
    await counts.fold();
    await check(4);
    await cut(a); // 20 tokens, three of which were revoked before
    await check(21);
    await revoke(jtis[2]!, jtis[3]!); // of the client that was cut
    await check(21);
    await counts.fold();
    await check(21);
    await dataSource.query(`UPDATE signing_keys SET status = 'revoked', revoked_at = now() WHERE kid = $1`, [other]);
    await check(41); // 10 each of b and c
    await revoke(jtis[30]!, jtis[40]!, jtis[50]!); // by the revoked key, by the other, by the revoked one
    await check(42);
    await cut(b);
    await check(51);
    await counts.fold();
    await check(51);
    await dataSource.query('UPDATE access_tokens SET revoked_at = NULL WHERE jti = $1', [jtis[40]]);
    await check(50);
  });

  it('know what has expired, to the second, and settle it', async () => {
    const [a, b] = [await addClient(dataSource), await addClient(dataSource)];
    const now = Math.floor(Date.now() / 1000);
    const issued = (clientId: string, secondsAgo: number, lifetimeSeconds: number) =>
      tokenRecord(termsFor(clientId, { lifetimeSeconds }), kid, { issuedAt: now - secondsAgo });
    const records = [a, b].flatMap((clientId) => [
      ...Array.from({ length: 5 }, () => issued(clientId, 7_200, 600)), // long expired
      ...Array.from({ length: 5 }, () => issued(clientId, 7_200, 86_400)),
      ...Array.from({ length: 5 }, () => issued(clientId, 61, 60)), // just expired
      ...Array.from({ length: 5 }, () => issued(clientId, 0, 60)),
    ]);
    await write(records);
    await cut(a); // 10 live ones
    const expected = { issued: 40, active: 10, revoked: 10, expired: 20 };
    expect(await counted()).toEqual(expected);
    await counts.fold();
    await counts.fold();
    expect(await counted()).toEqual(expected);
    expect(await inRows()).toEqual(expected);
    // A revocation of an expired token changes nothing, even if it comes late.
    await revoke(records[0]!.jti, records[10]!.jti);
    expect(await counted()).toEqual(expected);
  });

  it('settle tokens that were revoked in their time as revoked, each once', async () => {
    const [a, b, c] = [await addClient(dataSource), await addClient(dataSource), await addClient(dataSource)];
    const other = await addKey(dataSource);
    const issuedAt = Math.floor(Date.now() / 1000) - 7_200;
    const records = [a, b, c].flatMap((clientId) =>
      [kid, other].flatMap((by) => Array.from({ length: 10 }, () => tokenRecord(termsFor(clientId), by, { issuedAt }))),
    );
    await write(records);
    expect(await counted()).toEqual({ issued: 60, active: 0, revoked: 0, expired: 60 });
    const midway = new Date((issuedAt + 300) * 1000);
    const revokeAt = (jti: string) =>
      dataSource.query('UPDATE access_tokens SET revoked_at = $2 WHERE jti = $1', [jti, midway]);
    await revokeAt(records[0]!.jti); // of a, which is cut
    await revokeAt(records[20]!.jti); // of b, by `kid`
    await revokeAt(records[30]!.jti); // of b, by the key that is revoked
    await cut(a);
    await dataSource.query('UPDATE client_token_cuts SET cut_at = $2 WHERE client_id = $1', [a, midway]);
    await dataSource.query(`UPDATE signing_keys SET status = 'revoked', revoked_at = $2 WHERE kid = $1`, [
      other,
      midway,
    ]);
    await cut(c); // after they had expired
    const expected = { issued: 60, active: 0, revoked: 41, expired: 19 };
    expect(await counted()).toEqual(expected);
    expect(await inRows()).toEqual(expected);
    await counts.fold();
    expect(await counted()).toEqual(expected);
    for (const table of ['token_counts', 'client_token_counts', 'token_count_changes']) {
      expect(await dataSource.query(`SELECT * FROM ${table}`)).toEqual([]);
    }
    await revokeAt(records[21]!.jti); // commits long after
    expect(await counted()).toEqual({ ...expected, revoked: 42, expired: 18 });
    await counts.fold();
    expect(await counted()).toEqual({ ...expected, revoked: 42, expired: 18 });
  });

  it('are exact to the second of expiry, however they are kept: by minute, by second, or not added up yet', async () => {
    const clients = [await addClient(dataSource), await addClient(dataSource), await addClient(dataSource)];
    const other = await addKey(dataSource, 'retiring');
    const now = Math.floor(Date.now() / 1000);
    // Around the minute that runs, on both sides of now, and of the settlement ten minutes ago; nothing expires meanwhile.
    const expiries = [-900, -660, -480, -90, -60, -45, -30, -15, -5, -1, 30, 35, 40, 45, 50, 55, 60, 90, 600, 3_000];
    const issue = (by: string) =>
      write(
        clients.flatMap((clientId) =>
          expiries.map((expiry) =>
            tokenRecord(termsFor(clientId, { lifetimeSeconds: 3_600 }), by, { issuedAt: now + expiry - 3_600 }),
          ),
        ),
      );
    const live = async (): Promise<Record<string, number>> => {
      const issued = clients.map((client_id) => ({ client_id, issued: 1 }));
      const found = await dataSource.transaction((tx) => new HoardingRepository().among(tx, issued, 10));
      return Object.fromEntries(found.map((client) => [client.client_id, client.live]));
    };
    const check = async (): Promise<void> => {
      expect(await counted()).toEqual(await inRows());
      expect(await dataSource.query('SELECT * FROM token_minutes ORDER BY 1, 2, 3')).toEqual(
        await dataSource.query(
          `SELECT date_trunc('minute', expires_at, 'UTC') AS minute, issued_hour, kid, sum(issued)::bigint AS issued,
             sum(revoked)::bigint AS revoked
           FROM token_counts GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
        ),
      );
    };
    await issue(kid);
    await check();
    await counts.fold();
    await check();
    expect(await live()).toEqual(Object.fromEntries(clients.map((clientId) => [clientId, 10])));
    await issue(other);
    await issue(kid);
    await check();
    await counts.fold();
    await check();
    expect(await live()).toEqual(Object.fromEntries(clients.map((clientId) => [clientId, 30])));
    const [one] = await dataSource.query<{ jti: string }[]>(
      'SELECT jti FROM access_tokens WHERE client_id = $1 AND kid = $2 AND expires_at > now()',
      [clients[0], kid],
    );
    await revoke(one!.jti);
    await cut(clients[1]!);
    await check();
    expect(await live()).toEqual({ [clients[0]!]: 29, [clients[2]!]: 30 });
    await counts.fold();
    await check();
    await dataSource.query(`UPDATE signing_keys SET status = 'revoked', revoked_at = now() WHERE kid = $1`, [other]);
    await check();
    expect(await live()).toEqual({ [clients[0]!]: 19, [clients[2]!]: 20 });
  });

  it('belong to the hour of the issue, in UTC wherever the server runs', async () => {
    await dataSource.query(`ALTER DATABASE "${dataSource.driver.database}" SET TimeZone = 'Asia/Kolkata'`);
    await dataSource.destroy();
    dataSource = await createDataSource(database.url).initialize();
    counts = new TokenCounts(
      dataSource,
      new ScheduledJobs(createQueueBackend({ postgresUrl: database.url, prefix: '{none}' })),
    );
    const terms = termsFor(await addClient(dataSource), { lifetimeSeconds: 86_400 });
    const hour = Math.floor(Date.now() / hourMs) * hourMs;
    const at = (ms: number) => tokenRecord(terms, kid, { issuedAt: ms / 1000 });
    await write([at(hour - 1_000), at(hour), at(hour), at(hour + hourMs - 1_000), at(hour + hourMs)]);
    for (const _ of ['changes', 'added up']) {
      const series = await dataSource.transaction((tx) => repository.series(tx, always, 'hour'));
      expect(series.toSorted((one, other) => one.at - other.at)).toEqual([
        { at: hour - hourMs, issued: 1, failed: 0 },
        { at: hour, issued: 3, failed: 0 },
        { at: hour + hourMs, issued: 1, failed: 0 },
      ]);
      expect(await counted({ from: new Date(hour), to: new Date(hour + hourMs) })).toMatchObject({
        issued: 3,
        active: 3,
      });
      const [days] = [await dataSource.transaction((tx) => repository.series(tx, always, 'day'))];
      expect(days.reduce((sum, { issued }) => sum + issued, 0)).toBe(5);
      expect(days.every((day) => day.at % dayMs === 0)).toBe(true);
      await counts.fold();
    }
  });

  it('tell the clients with most tokens of any range, whole days or not', async () => {
    const terms = [termsFor(await addClient(dataSource)), termsFor(await addClient(dataSource))];
    const today = Math.floor(Date.now() / dayMs) * dayMs;
    const hoursAgo = [0, 1, 5, 23, 24, 25, 30, 47, 48];
    const records = hoursAgo.map((hours, index) =>
      tokenRecord(terms[index % 2]!, kid, { issuedAt: (today + dayMs - hours * hourMs) / 1000 - 60 }),
    );
    await ensurePartitions(dataSource, 'access_tokens', 'day', new Date(today - 2 * dayMs), 4);
    await write(records);
    for (const _ of ['changes', 'added up']) {
      for (const [from, to] of [
        [0, 72],
        [1, 72],
        [24, 72],
        [24, 48],
        [23, 49],
        [30, 40],
        [47, 70],
        [48, 71],
        [49, 49],
      ] as const) {
        const range = {
          from: new Date(today - 2 * dayMs + from * hourMs),
          to: new Date(today - 2 * dayMs + to * hourMs),
        };
        expect(await dataSource.transaction('REPEATABLE READ', (tx) => topClients.read(tx, range, 10))).toEqual(
          await dataSource.query(
            `SELECT client_id, count(*)::float8 AS issued FROM access_tokens WHERE issued_at >= $1 AND issued_at < $2
             GROUP BY 1 ORDER BY 2 DESC, 1`,
            [range.from, range.to],
          ),
        );
      }
      await counts.fold();
    }
  });

  it('tell the clients with most tokens among very many, whatever is remembered, added up since, or not yet', async () => {
    const hour = new Date(Math.floor(Date.now() / hourMs) * hourMs);
    const change = (from: number, to: number, issued: string) =>
      dataSource.query(
        `INSERT INTO token_count_changes (client_id, client_epoch, kid, issued_hour, expires_at, issued)
         SELECT 'client-' || n, 0, $1, $2, $2::timestamptz + interval '1 hour', ${issued} FROM generate_series($3::int, $4::int) n`,
        [kid, hour, from, to],
      );
    const inCounters = () =>
      dataSource.query(
        `SELECT client_id, sum(issued)::float8 AS issued FROM (
           SELECT client_id, issued FROM client_token_hours UNION ALL SELECT client_id, issued FROM token_count_changes
         ) all_of_them GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10`,
      );
    await change(1, 3_000, 'n % 7 + 1');
    await counts.fold();
    expect(await top()).toEqual(await inCounters());
    // Of one that is not among the thousand, of some that are, and of one that is new.
    await change(2_999, 2_999, '30');
    await change(6, 13, '2');
    await change(4_000, 4_000, '9');
    expect(await top()).toEqual(await inCounters());
    await counts.fold();
    expect(await top()).toEqual(await inCounters());
    await change(2_998, 2_998, '31');
    await counts.fold();
    expect(await top()).toEqual(await inCounters());
    await dataSource.query('UPDATE client_token_hours SET hour = $1', [new Date(Date.now() - 401 * dayMs)]);
    await counts.prune();
    expect(await dataSource.query('SELECT count(*)::int AS left FROM client_token_hours')).toEqual([{ left: 0 }]);
    await dataSource.query('DELETE FROM client_token_days');
    expect(await top()).toEqual([]);
  });

  it('are forgotten after 400 days', async () => {
    const keep = new Date(Date.now() - 399 * dayMs);
    const forget = new Date(Date.now() - 401 * dayMs);
    for (const hour of [keep, forget]) {
      await dataSource.query('INSERT INTO token_hours VALUES ($1, 1, 0)', [hour]);
      await dataSource.query(`INSERT INTO client_token_hours VALUES ($1, 'c', 1)`, [hour]);
      await dataSource.query(`INSERT INTO client_token_days VALUES ($1, 'c', 1)`, [hour]);
      await dataSource.query(`INSERT INTO refused_request_hours VALUES ($1, 'invalid_client', 0, 1)`, [hour]);
    }
    await counts.prune();
    for (const table of ['token_hours', 'client_token_hours', 'refused_request_hours']) {
      expect(await dataSource.query(`SELECT hour FROM ${table}`)).toEqual([{ hour: keep }]);
    }
    expect(await dataSource.query('SELECT day FROM client_token_days')).toEqual([{ day: keep }]);
  });
});

describe('the counters of clients', () => {
  it('follow every way in which a client changes', async () => {
    const count = () => dataSource.transaction((tx) => repository.clients(tx));
    const clients = await Promise.all(Array.from({ length: 120 }, () => addClient(dataSource)));
    const become = (status: string, ...clientIds: string[]) =>
      dataSource.query('UPDATE clients SET status = $2 WHERE client_id = ANY ($1)', [clientIds, status]);
    expect(await count()).toEqual({ active: 120, disabled: 0 });
    await become('disabled', clients[0]!, clients[1]!);
    await become('disabled', clients[1]!);
    await become('deleted', clients[1]!, clients[2]!);
    expect(await count()).toEqual({ active: 117, disabled: 1 });
    await counts.fold();
    expect(await count()).toEqual({ active: 117, disabled: 1 });
    await become('active', clients[0]!);
    await dataSource.query('DELETE FROM clients WHERE client_id = $1', [clients[3]]);
    expect(await count()).toEqual({ active: 117, disabled: 0 });
  });
});

describe('the counters of refusals', () => {
  const errors = () => dataSource.transaction((tx) => repository.errors(tx, always));

  it('are exact over two processes', async () => {
    const [one, other] = pools.map((pool) => new RefusalCounts(pool)) as [RefusalCounts, RefusalCounts];
    await Promise.all(
      Array.from({ length: 3_000 }, (_, index) =>
        (index % 2 === 0 ? one : other).count(index % 3 === 0 ? 'invalid_scope' : 'invalid_client'),
      ),
    );
    expect(await errors()).toEqual({ invalid_client: 2_000, invalid_scope: 1_000 });
  });

  it('U-11: take a flood in constant memory, and lose nothing when the process ends', async () => {
    const refusals = new RefusalCounts(pools[0]!);
    for (let count = 0; count < 100_000; count += 1) refusals.countLater('temporarily_unavailable');
    const last = refusals.count('invalid_grant');
    await refusals.onApplicationShutdown();
    await last;
    expect(await errors()).toEqual({ temporarily_unavailable: 100_000, invalid_grant: 1 });
  });

  it('keep what cannot be written until it can', async () => {
    const proxy = await openDatabaseProxy(database.url);
    const pool = new Postgres(proxy.url, { max: 1, onError: () => undefined });
    try {
      const refusals = new RefusalCounts(pool);
      await proxy.sever();
      await refusals.count('invalid_client');
      refusals.countLater('invalid_client');
      await refusals.flush();
      await proxy.restore();
      expect(await errors()).toEqual({});
      await refusals.flush();
      await refusals.flush();
      expect(await errors()).toEqual({ invalid_client: 2 });
    } finally {
      await pool.close();
      await proxy.sever();
    }
  });
});
