import { randomBytes } from 'node:crypto';
import { Logger } from '@nestjs/common';
import type { QueryResultRow } from 'pg';
import { DatabaseUnavailable, Postgres, type PreparedStatement } from '../../src/database/index.js';
import { eventually, KeyDatabases, type KeyServer, startKeys } from './key-fixture.js';

/** A database that can be away, and that counts the questions. */
class UnsteadyPostgres extends Postgres {
  away = false;
  asked = 0;

  override async query<Row extends QueryResultRow>(statement: PreparedStatement): Promise<Row[]> {
    this.asked += 1;
    if (this.away) throw new DatabaseUnavailable();
    return super.query<Row>(statement);
  }
}

describe('a key ring in a running server', () => {
  const databases = new KeyDatabases();
  const logged: string[] = [];
  const kek = randomBytes(32);
  let url: string;
  let postgres: UnsteadyPostgres;
  let server: KeyServer;

  beforeAll(async () => {
    await databases.prepare();
  });

  beforeEach(async () => {
    url = await databases.create();
    postgres = new UnsteadyPostgres(url, { max: 2, onError: () => undefined });
    server = await startKeys(url, { kek, postgres });
    const keep = (message: unknown) => void logged.push(String(message));
    Logger.overrideLogger({ log: keep, warn: keep, error: keep });
    logged.length = 0;
  });

  afterEach(() => server.close());

  afterAll(async () => {
    await databases.dropAll();
    Logger.overrideLogger(true);
  });

  it('follows what another process does to the keys', async () => {
    const { kid } = server.keyRing.current();
    const other = await startKeys(url, { kek, signingAlg: 'ES256' });
    await other.autopilot.tend();
    const added = other.keyRing.keySet.body.match(/"alg":"ES256","kid":"([^"]+)"/)?.[1] ?? '';
    await eventually(() => server.keyRing.byKid(added) !== undefined);
    expect(server.keyRing.current().kid).toBe(kid);
    expect(server.keyRing.keySet.body).toContain(added);
    await other.dataSource.query(`UPDATE signing_keys SET status = 'revoked' WHERE kid = $1`, [added]);
    await eventually(() => server.keyRing.byKid(added) === undefined);
    await other.close();
  });

  it('does not read the keys again while nothing changes', async () => {
    const { keySet } = server.keyRing;
    const handle = server.keyRing.current();
    await eventually(() => postgres.asked > 2);
    expect(server.keyRing.keySet).toBe(keySet);
    expect(server.keyRing.current()).toBe(handle);
  });

  it('keeps its keys while the database is away, says so once per outage, and follows again', async () => {
    const { kid } = server.keyRing.current();
    for (const outage of [1, 2]) {
      postgres.away = true;
      const since = postgres.asked;
      await eventually(() => postgres.asked > since + 1);
      expect(server.keyRing.current().kid).toBe(kid);
      expect(logged.filter((line) => line.includes('not followed'))).toHaveLength(outage);
      postgres.away = false;
      await eventually(() => logged.filter((line) => line.includes('followed again')).length === outage);
    }
  });

  it('asks no more once it is stopped', async () => {
    await eventually(() => postgres.asked > 0);
    await server.keyRing.onModuleDestroy();
    const { asked } = postgres;
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(postgres.asked).toBe(asked);
  });

  it('I-03 asks one question at once for a key that nobody knows, and one at a time for many', async () => {
    await server.keyRing.onModuleDestroy();
    const { keySet } = server.keyRing;
    const find = () => server.keyRing.find(randomBytes(32).toString('base64url'));
    for (let round = 0; round < 5; round += 1) {
      const { asked } = postgres;
      const finding = find();
      await new Promise(setImmediate);
      expect(postgres.asked).toBe(asked + 1);
      await finding;
    }
    const { asked } = postgres;
    const first = find();
    await new Promise(setImmediate);
    expect(await Promise.all([first, ...Array.from({ length: 1_000 }, find)])).toEqual(Array(1_001).fill(undefined));
    expect(postgres.asked).toBe(asked + 2);
    expect(server.keyRing.keySet).toBe(keySet);
  });

  it('has in the ring what was committed before reload() was called, also when called while it reads', async () => {
    const { kid } = server.keyRing.current();
    const reading = server.keyRing.reload();
    await server.dataSource.query(`UPDATE signing_keys SET status = 'revoked'`);
    await Promise.all([server.keyRing.reload(), server.keyRing.reload(), server.keyRing.reload()]);
    expect(server.keyRing.byKid(kid)).toBeUndefined();
    await reading;
  });
});
