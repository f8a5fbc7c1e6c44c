import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { Client, type QueryResultRow } from 'pg';
import { DatabaseUnavailable, Postgres, type PreparedStatement } from '../../src/database/index.js';
import { eventually, KeyDatabases, type KeyServer, startKeys } from './key-fixture.js';

const kek = randomBytes(32);
const caller = {
  clientId: 'admin',
  scopes: ['admin:full'],
  jti: '',
  expiresAt: 0,
  origin: { ipAddress: undefined, userAgent: undefined, requestId: undefined },
};

/** A way to the database by which nothing is heard: what is known is known from somewhere else. */
class DeafPostgres extends Postgres {
  deaf = true;

  override async query<Row extends QueryResultRow>(statement: PreparedStatement): Promise<Row[]> {
    if (this.deaf) throw new DatabaseUnavailable();
    return super.query<Row>(statement);
  }
}

describe('who shows a key', () => {
  const databases = new KeyDatabases();
  const logged: string[] = [];
  let url: string;
  let one: KeyServer;
  let other: KeyServer;
  let postgres: DeafPostgres;

  beforeAll(() => databases.prepare());

  beforeEach(async () => {
    url = await databases.create();
    one = await startKeys(url, { kek, signingAlg: 'ES256' });
    postgres = new DeafPostgres(url, { max: 1, onError: () => undefined });
    other = await startKeys(url, { kek, signingAlg: 'ES256', postgres });
    const keep = (message: unknown) => void logged.push(String(message));
    Logger.overrideLogger({ log: keep, warn: keep, error: keep });
    logged.length = 0;
  });

  afterEach(() => Promise.all([one.close(), other.close()]));

  afterAll(async () => {
    await databases.dropAll();
    Logger.overrideLogger(true);
  });

  const current = () => one.keyRing.current().kid;
  const revoke = (kid: string) => one.keys.revoke(caller, kid, undefined);

  /** The keys that are held, and by how many processes. */
  async function held(): Promise<number> {
    const [row] = await one.dataSource.query<{ held: string }[]>(
      `SELECT count(*) AS held FROM pg_locks
       WHERE locktype = 'advisory' AND mode = 'ShareLock' AND granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
    return Number(row?.held);
  }

  it('is told of a change, and does not have to ask', async () => {
    await one.autopilot.tend(Date.now() + 100 * 86_400_000);
    await eventually(() => other.keyRing.keySet.body === one.keyRing.keySet.body);
  });

  it('has let go of it when its revocation is answered', async () => {
    expect(await held()).toBe(2);
    for (let round = 0; round < 20; round += 1) {
      const kid = current();
      await revoke(kid);
      expect(other.keyRing.byKid(kid)).toBeUndefined();
      expect(other.keyRing.current().kid).toBe(current());
    }
    expect(await held()).toBe(2);
    expect(logged.filter((line) => line.includes('no longer shows'))).toEqual([]);
  });

  it('is waited for, but not for ever', async () => {
    const slow = new Client({ connectionString: url });
    await slow.connect();
    const hold = (kid: string) =>
      slow.query(`SELECT pg_advisory_lock_shared(hashtext('signet.keys.held'), hashtext($1))`, [kid]);
    const kid = current();
    await hold(kid);
    let answered = false;
    const revocation = revoke(kid).then(() => (answered = true));
    await eventually(() => other.keyRing.byKid(kid) === undefined);
    await sleep(200);
    expect(answered).toBe(false);
    await slow.query('SELECT pg_advisory_unlock_all()');
    await revocation;
    expect(logged.filter((line) => line.includes('no longer shows'))).toEqual([]);

    const next = current();
    await hold(next);
    await revoke(next);
    await slow.end();
    expect(logged.filter((line) => line.includes('no longer shows'))).toEqual([expect.stringContaining(next)]);
  });

  it('is not waited for once it is gone', async () => {
    await other.close();
    await revoke(current());
    expect(await held()).toBe(1);
    other = await startKeys(url, { kek, signingAlg: 'ES256' });
    expect(await held()).toBe(2);
  });

  it('looks up a key that it has not heard of', async () => {
    await databases.disconnect(url, 'signet-listen');
    await one.keys.rotate(caller, true);
    const kid = current();
    expect(other.keyRing.byKid(kid)).toBeUndefined();
    await expect(other.keyRing.find(kid)).rejects.toThrow(DatabaseUnavailable);
    postgres.deaf = false;
    const made = Array.from({ length: 50 }, () => other.keyRing.find(randomBytes(32).toString('base64url')));
    expect((await other.keyRing.find(kid))?.alg).toBe('ES256');
    expect(other.keyRing.current().kid).toBe(kid);
    expect(await Promise.all([...made, other.keyRing.find('x')])).toEqual(Array.from({ length: 51 }, () => undefined));
  });

  it('is back after it has lost its connection, with what it missed', async () => {
    await databases.disconnect(url, 'signet-listen');
    const kid = current();
    await revoke(kid);
    await eventually(() => other.keyRing.byKid(kid) === undefined);
    expect(other.keyRing.current().kid).toBe(current());
    for (let waiting = true; waiting; waiting = (await held()) < 2) await sleep(20);
    const last = current();
    await revoke(last);
    expect(other.keyRing.byKid(last)).toBeUndefined();
  });
});
