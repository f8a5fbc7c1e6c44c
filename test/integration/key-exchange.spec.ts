import { randomBytes } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { ConfigurationError } from '../../src/config/index.js';
import {
  EnvKeyWrapper,
  exchangeKeyEncryptionKey,
  type KeyWrapper,
  type WrappedKeys,
  wrappedRootKey,
} from '../../src/encryption/index.js';
import { wrappedSigningKeys } from '../../src/keys/index.js';
import { connect, KeyDatabases, type KeyServer, type KeyServerOptions, keyTables, startKeys } from './key-fixture.js';

const minute = 60_000;
const oldKek = randomBytes(32);
const newKek = randomBytes(32);
const from = new EnvKeyWrapper(oldKek);
const to = new EnvKeyWrapper(newKek);
const fault = { variable: 'KEY_ENCRYPTION_KEY_PREVIOUS', message: 'is wrong' };
const kinds = [wrappedRootKey, wrappedSigningKeys];
const caller = {
  clientId: 'admin',
  scopes: ['admin:full'],
  jti: '',
  expiresAt: 0,
  origin: { ipAddress: undefined, userAgent: undefined, requestId: undefined },
};

const databases = new KeyDatabases();
const running: KeyServer[] = [];

let url: string;
let dataSource: DataSource;
/** What each exchange that changed something told. */
let told: number[];

beforeAll(() => databases.prepare());
afterAll(() => databases.dropAll());

/** A database with keys in every state. */
beforeEach(async () => {
  url = await databases.create();
  dataSource = await connect(url);
  told = [];
  const now = Date.now() + minute;
  const { keys, autopilot } = await start({ kek: oldKek });
  await keys.rotate(caller, true);
  await autopilot.tend(now + 2 * minute);
  await autopilot.tend(now + 60 * minute);
  const { kid } = await keys.rotate(caller, true);
  await keys.revoke(caller, kid, undefined);
  await dataSource.query(`UPDATE signing_keys SET retiring_at = retiring_at - interval '1 minute'`);
  await keys.rotate(caller, true);
  await keys.rotate(caller, false);
  await stop();
});

afterEach(async () => {
  await stop();
  await dataSource.destroy();
});

async function start(options: Partial<KeyServerOptions>): Promise<KeyServer> {
  const server = await startKeys(url, { kek: newKek, signingAlg: 'ES256', ...options });
  running.push(server);
  return server;
}

async function stop(): Promise<void> {
  await Promise.all(running.splice(0).map((server) => server.close()));
}

function exchange(
  wrappers: { from?: KeyWrapper | undefined; to?: KeyWrapper } = {},
  of: readonly WrappedKeys[] = kinds,
) {
  return exchangeKeyEncryptionKey(dataSource, of, { from, to, fault, ...wrappers }, (_, count) => {
    told.push(count);
    return Promise.resolve();
  });
}

async function kekIds(): Promise<string[]> {
  const rows = await dataSource.query<{ kek_id: string }[]>(
    `SELECT DISTINCT kek_id FROM (SELECT kek_id FROM data_keys UNION ALL SELECT kek_id FROM signing_keys) AS k
     WHERE kek_id IS NOT NULL`,
  );
  return rows.map((row) => row.kek_id);
}

async function expectNothingChanged(work: () => Promise<unknown>): Promise<unknown> {
  const before = await keyTables(url);
  const error: unknown = await work().then(
    () => 'nothing went wrong',
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(Error);
  expect(await keyTables(url)).toEqual(before);
  expect(told).toEqual([]);
  return error;
}

/** A key-encryption key that does something else the `n`th time that it wraps. */
function wrapping(n: number, otherwise: () => Promise<Buffer>): KeyWrapper {
  let count = 0;
  return {
    kekId: to.kekId,
    wrap: (key, data) => {
      count += 1;
      return count === n ? otherwise() : to.wrap(key, data);
    },
    unwrap: (wrapped, data) => to.unwrap(wrapped, data),
  };
}

describe('another key-encryption key', () => {
  it('wraps every key anew, and changes nothing else', async () => {
    const before = await start({ kek: oldKek });
    const { keySet } = before.keyRing;
    const derived = before.derivedKeys.derive('test');
    const privateParts = await dataSource.query(
      'SELECT kid, status, private_ciphertext FROM signing_keys ORDER BY kid',
    );
    await stop();

    expect(await exchange()).toBe(5);
    expect(told).toEqual([5]);
    expect(await kekIds()).toEqual([to.kekId]);

    const after = await start({});
    expect(after.keyRing.keySet).toEqual(keySet);
    expect(after.derivedKeys.derive('test')).toEqual(derived);
    expect(await dataSource.query('SELECT kid, status, private_ciphertext FROM signing_keys ORDER BY kid')).toEqual(
      privateParts,
    );
    await stop();
    await expect(start({ kek: oldKek })).rejects.toBeInstanceOf(ConfigurationError);
  });

  it('finds nothing to do the second time, with or without the old one', async () => {
    await exchange();
    const done = await keyTables(url);
    expect([await exchange(), await exchange({ from: undefined })]).toEqual([0, 0]);
    expect(await keyTables(url)).toEqual(done);
    expect(told).toEqual([5]);
  });

  it('and back', async () => {
    await exchange();
    expect(await exchange({ from: to, to: from })).toBe(5);
    await expect(start({ kek: oldKek })).resolves.toBeDefined();
  });
});

describe('an exchange that does not come to its end', () => {
  it.each([1, 2, 3, 4, 5])('leaves everything as it was when it fails at key %d, and can be run again', async (n) => {
    const crash = new Error('crash');
    expect(await expectNothingChanged(() => exchange({ to: wrapping(n, () => Promise.reject(crash)) }))).toBe(crash);
    expect(await exchange()).toBe(5);
  });

  it.each([1, 3, 5])('nor when the connection is lost at key %d', async (n) => {
    const lost = wrapping(n, async () => {
      await databases.disconnect(url, 'signet');
      return Buffer.alloc(60);
    });
    await expectNothingChanged(() => exchange({ to: lost }));
    expect(await exchange()).toBe(5);
  });

  it.each([1, 3, 5])('nor when what it has stored as key %d does not open', async (n) => {
    const broken = wrapping(n, () => Promise.resolve(randomBytes(60)));
    expect(await expectNothingChanged(() => exchange({ to: broken }))).toBeInstanceOf(ConfigurationError);
  });

  it.each([
    ['a wrong old key', { from: new EnvKeyWrapper(randomBytes(32)) }],
    ['no old key', { from: undefined }],
  ])('%s is a fault of the configuration', async (_, wrappers) => {
    const error = await expectNothingChanged(() => exchange(wrappers));
    expect(error).toMatchObject({ faults: [fault] });
  });

  it('a row that was altered stops it', async () => {
    await dataSource.query(
      `UPDATE signing_keys SET private_ciphertext = set_byte(private_ciphertext, 40, get_byte(private_ciphertext, 40) # 1)
       WHERE status = 'retiring'`,
    );
    expect(await expectNothingChanged(() => exchange())).toBeInstanceOf(ConfigurationError);
  });
});

describe('servers that run meanwhile', () => {
  it('with both keys go on: what they make before is of the old key, after of the new one', async () => {
    const both = { kek: newKek, previousKek: oldKek };
    const [one, other] = [await start(both), await start(both)];
    await one.keys.revoke(caller, one.keyRing.current().kid, undefined);
    expect(await kekIds()).toEqual([from.kekId]);

    const busy = Array.from({ length: 5 }, () => one.keys.revoke(caller, one.keyRing.current().kid, undefined));
    const [count] = await Promise.all([exchange(), ...busy.map((work) => work.catch(() => undefined))]);
    expect(count).toBeGreaterThan(0);

    await one.keys.revoke(caller, one.keyRing.current().kid, undefined);
    expect(await kekIds()).toEqual([to.kekId]);
    await other.keyRing.reload();
    expect(other.keyRing.current().kid).toBe(one.keyRing.current().kid);
    await expect(start({ kek: newKek })).resolves.toBeDefined();
  });

  it('with the old key alone serve what they know, and make nothing that others cannot open', async () => {
    const late = await start({ kek: oldKek });
    const { kid } = late.keyRing.current();
    await exchange();
    await late.keyRing.reload();
    expect(late.keyRing.current().kid).toBe(kid);
    const before = await keyTables(url);
    await expect(late.keys.revoke(caller, kid, undefined)).rejects.toMatchObject({ status: 503 });
    await expect(late.autopilot.tend(Date.now() + 100 * 86_400_000)).rejects.toBeInstanceOf(ConfigurationError);
    expect(await keyTables(url)).toEqual(before);
  });

  it('with the old key alone are no obstacle to one that has both', async () => {
    const [late, early] = [await start({ kek: oldKek }), await start({ kek: newKek, previousKek: oldKek })];
    await early.keys.revoke(caller, early.keyRing.current().kid, undefined);
    await late.keyRing.reload();
    expect(late.keyRing.current().kid).toBe(early.keyRing.current().kid);
  });
});
