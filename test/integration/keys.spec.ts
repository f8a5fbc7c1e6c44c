import { createPublicKey, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { compactVerify, createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { ConfigurationError } from '../../src/config/index.js';
import { DatabaseUnavailable } from '../../src/database/index.js';
import type { KeyRing } from '../../src/keys/index.js';
import { connect, KeyDatabases, type KeyServer, type KeyServerOptions, keyTables, startKeys } from './key-fixture.js';
import { missingFromSchema } from '../support/schema-drift.js';

const databases = new KeyDatabases();
const kek = randomBytes(32);
const otherKek = randomBytes(32);
const running: KeyServer[] = [];

beforeAll(() => databases.prepare());
afterEach(() => Promise.all(running.splice(0).map((server) => server.close())));
afterAll(() => databases.dropAll());

async function start(url: string, options: Partial<KeyServerOptions> = {}): Promise<KeyServer> {
  const server = await startKeys(url, { kek, ...options });
  running.push(server);
  return server;
}

async function stop(): Promise<void> {
  await Promise.all(running.splice(0).map((server) => server.close()));
}

function keySetOf(keyRing: KeyRing): JSONWebKeySet {
  return JSON.parse(keyRing.keySet.body) as JSONWebKeySet;
}

async function token(keyRing: KeyRing): Promise<string> {
  const handle = keyRing.current();
  const input = `${handle.header}.${Buffer.from('{"sub":"billing"}').toString('base64url')}`;
  return `${input}.${await handle.sign(input)}`;
}

async function change(url: string, statement: string, values: unknown[] = []): Promise<void> {
  const dataSource = await connect(url);
  await dataSource.query(statement, values);
  await dataSource.destroy();
}

/** The start fails as a fault of the configuration, and the tables are as before. */
async function expectRefusedStart(url: string, options: Partial<KeyServerOptions> = {}): Promise<void> {
  const before = await keyTables(url);
  const error: unknown = await start(url, options).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(error).toMatchObject({ faults: [{ variable: 'KEY_ENCRYPTION_KEY' }] });
  expect(String(error)).not.toContain(kek.toString('base64'));
  await expect(keyTables(url)).resolves.toEqual(before);
}

describe('the first start', () => {
  it('makes a root key and an active key, published, written to the audit log, and usable', async () => {
    const url = await databases.create();
    const { keyRing, dataSource } = await start(url);
    const { kid, alg } = keyRing.current();

    expect(alg).toBe('RS256');
    expect(
      await dataSource.query('SELECT kid, alg, status, activated_at IS NOT NULL AS activated FROM signing_keys'),
    ).toEqual([{ kid, alg: 'RS256', status: 'active', activated: true }]);
    expect(await dataSource.query('SELECT action, success, target_type, target_id, details FROM audit_log')).toEqual([
      { action: 'key.created', success: true, target_type: 'key', target_id: kid, details: { alg: 'RS256' } },
    ]);
    const { payload, protectedHeader } = await compactVerify(
      await token(keyRing),
      createLocalJWKSet(keySetOf(keyRing)),
    );
    expect(protectedHeader).toEqual({ alg: 'RS256', typ: 'at+jwt', kid });
    expect(Buffer.from(payload).toString()).toBe('{"sub":"billing"}');
  });

  it('agrees on one root key and one signing key when ten processes start at once', async () => {
    const url = await databases.create();
    const servers = await Promise.all(Array.from({ length: 10 }, () => start(url)));

    expect(new Set(servers.map(({ derivedKeys }) => derivedKeys.derive('test').toString('hex'))).size).toBe(1);
    expect(new Set(servers.map(({ keyRing }) => keyRing.current().kid)).size).toBe(1);
    expect(new Set(servers.map(({ keyRing }) => keyRing.keySet.entityTag)).size).toBe(1);
    const { signingKeys, dataKeys, entries } = (await keyTables(url)) as Record<string, unknown[]>;
    expect([signingKeys?.length, dataKeys?.length, entries?.length]).toEqual([1, 1, 1]);
  });

  it('K-03 publishes public members only: 2048 bits, exponent AQAB, the thumbprint as kid', async () => {
    const { keyRing } = await start(await databases.create());
    const { keys } = keySetOf(keyRing);
    expect(keys.map((key) => Object.keys(key).toSorted())).toEqual([['alg', 'e', 'kid', 'kty', 'n', 'use']]);
    expect(keys).toMatchObject([{ kty: 'RSA', use: 'sig', alg: 'RS256', e: 'AQAB', kid: keyRing.current().kid }]);
    expect(Buffer.from(keys[0]?.n ?? '', 'base64url')).toHaveLength(256);
    expect(createPublicKey(keyRing.publicKeyPem).equals(createPublicKey({ key: keys[0] ?? {}, format: 'jwk' }))).toBe(
      true,
    );
    expect(keyRing.publicKeyPem).toMatch(/^-----BEGIN PUBLIC KEY-----\n/);
  });

  it('stores no private key in the clear', async () => {
    const { dataSource } = await start(await databases.create());
    const [row] = await dataSource.query<{ row: string }[]>('SELECT signing_keys::text AS row FROM signing_keys');
    // The DER of every RSA key in PKCS#8 holds the algorithm identifier of RSA.
    expect(row?.row).not.toContain('06092a864886f70d010101');
    expect(row?.row).not.toMatch(/"(d|p|q|dp|dq|qi)"/);
  });
});

describe('a later start', () => {
  it('keeps the root key and the signing key', async () => {
    const url = await databases.create();
    const first = await start(url);
    const before = await keyTables(url);
    const signed = await token(first.keyRing);
    await stop();
    const second = await start(url);
    expect(second.keyRing.current().kid).toBe(first.keyRing.current().kid);
    expect(second.derivedKeys.derive('test')).toEqual(first.derivedKeys.derive('test'));
    expect(second.keyRing.keySet).toEqual(first.keyRing.keySet);
    await expect(compactVerify(signed, createLocalJWKSet(keySetOf(second.keyRing)))).resolves.toBeDefined();
    await expect(keyTables(url)).resolves.toEqual(before);
  });

  it('signs with ES256 when told so, once verifiers can know the key; publishes the RS256 key too; and back', async () => {
    const url = await databases.create();
    const rsa = (await start(url)).keyRing.current().kid;
    await stop();
    const { keyRing, autopilot } = await start(url, { signingAlg: 'ES256' });
    expect(keyRing.current().kid).toBe(rsa);
    const now = Date.now();
    await autopilot.tend(now);
    expect(keyRing.current().kid).toBe(rsa);
    expect(keySetOf(keyRing).keys.map((key) => key.alg)).toEqual(['RS256', 'ES256']);
    await autopilot.tend(now + 15 * 60_000);
    const { kid, alg } = keyRing.current();
    expect(alg).toBe('ES256');
    expect(keySetOf(keyRing).keys.map((key) => [key.alg, key.kid])).toEqual([
      ['ES256', kid],
      ['RS256', rsa],
    ]);
    expect(keySetOf(keyRing).keys.map((key) => Object.keys(key).toSorted())[0]).toEqual([
      'alg',
      'crv',
      'kid',
      'kty',
      'use',
      'x',
      'y',
    ]);
    const { protectedHeader } = await compactVerify(await token(keyRing), createLocalJWKSet(keySetOf(keyRing)));
    expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'at+jwt', kid });
    expect(keyRing.byKid(rsa)?.alg).toBe('RS256');
    await stop();
    expect((await start(url)).keyRing.current().kid).toBe(rsa);
  });
});

describe('K-19 a wrong key-encryption key', () => {
  it('stops the start and changes nothing, also with another algorithm', async () => {
    const url = await databases.create();
    await start(url);
    await stop();
    await expectRefusedStart(url, { kek: otherKek });
    await expectRefusedStart(url, { kek: otherKek, signingAlg: 'ES256' });
  });

  it('makes no new root key beside the signing keys of another one', async () => {
    const url = await databases.create();
    await start(url);
    await stop();
    await change(url, 'DELETE FROM data_keys');
    await expectRefusedStart(url, { kek: otherKek });
  });

  it('makes no new root key where the one in use is lost', async () => {
    const url = await databases.create();
    await start(url);
    await stop();
    await change(url, 'DELETE FROM data_keys');
    await expectRefusedStart(url);
  });

  it('makes no new signing key beside the root key of another one', async () => {
    const url = await databases.create();
    await start(url);
    await stop();
    await change(url, 'DELETE FROM signing_keys');
    await expectRefusedStart(url, { kek: otherKek });
  });

  it('lets one of two processes with different keys win, and the other stop', async () => {
    const url = await databases.create();
    const results = await Promise.allSettled([start(url), start(url, { kek: otherKek })]);
    expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    const { signingKeys, dataKeys } = (await keyTables(url)) as Record<string, unknown[]>;
    expect([signingKeys?.length, dataKeys?.length]).toEqual([1, 1]);
  });
});

describe('H-19 an altered row', () => {
  it.each([
    ['private_ciphertext', 'signing_keys', 40],
    ['wrapped_dek', 'signing_keys', 3],
    ['wrapped', 'data_keys', 20],
  ])('with a bit of %s flipped stops the start', async (column, table, byte) => {
    const url = await databases.create();
    await start(url);
    await stop();
    await change(url, `UPDATE ${table} SET ${column} = set_byte(${column}, ${byte}, get_byte(${column}, ${byte}) # 1)`);
    await expectRefusedStart(url);
  });

  it('with the ciphertext of another row stops the start', async () => {
    const url = await databases.create();
    await start(url);
    await (await start(url, { signingAlg: 'ES256' })).autopilot.tend();
    await stop();
    await change(
      url,
      `UPDATE signing_keys k SET private_ciphertext = o.private_ciphertext, wrapped_dek = o.wrapped_dek
       FROM signing_keys o WHERE o.alg <> k.alg`,
    );
    await expectRefusedStart(url);
    await expectRefusedStart(url, { signingAlg: 'ES256' });
  });

  it('with another public key does not change what is published', async () => {
    const url = await databases.create();
    const { keyRing } = await start(url);
    await stop();
    await change(url, `UPDATE signing_keys SET public_jwk = jsonb_set(public_jwk, '{n}', '"AQAB"')`);
    expect((await start(url)).keyRing.keySet).toEqual(keyRing.keySet);
  });

  it('put there by somebody else is not published by a running server, and stops the next start', async () => {
    const url = await databases.create();
    const { keyRing } = await start(url);
    const forged = randomBytes(32).toString('base64url');
    await change(
      url,
      `INSERT INTO signing_keys (kid, alg, status, public_jwk, private_ciphertext, wrapped_dek, kek_id)
       SELECT $1, alg, 'retiring', public_jwk, private_ciphertext, wrapped_dek, kek_id FROM signing_keys`,
      [forged],
    );
    const before = keyRing.keySet;
    await keyRing.reload();
    expect(keyRing.byKid(forged)).toBeUndefined();
    expect(keyRing.keySet).toEqual(before);
    expect(keyRing.ready).toBe(true);
    await expectRefusedStart(url);
  });
});

describe('verification keys', () => {
  it('are found by kid alone, which is an opaque map key', async () => {
    const { keyRing } = await start(await databases.create());
    const { kid } = keyRing.current();
    expect(keyRing.byKid(kid)).toMatchObject({ alg: 'RS256', publicKey: { type: 'public' } });
    for (const other of ['', '__proto__', 'constructor', '../key', `${kid} `, kid.toLowerCase()]) {
      expect(keyRing.byKid(other)).toBeUndefined();
    }
  });

  it.each(['retired', 'revoked'])('are gone once %s, and then nothing is signed with them', async (status) => {
    const url = await databases.create();
    const { keyRing } = await start(url);
    const { kid } = keyRing.current();
    await change(url, 'UPDATE signing_keys SET status = $1', [status]);
    await keyRing.reload();
    expect(keyRing.byKid(kid)).toBeUndefined();
    expect(keySetOf(keyRing)).toEqual({ keys: [] });
    expect(keyRing.ready).toBe(false);
    expect(() => keyRing.current()).toThrow(DatabaseUnavailable);
    expect(() => keyRing.publicKeyPem).toThrow(DatabaseUnavailable);
  });

  it.each(['pending', 'retiring'])('are published while %s, and do not sign', async (status) => {
    const url = await databases.create();
    const { keyRing } = await start(url);
    const { kid } = keyRing.current();
    await change(url, 'UPDATE signing_keys SET status = $1', [status]);
    await keyRing.reload();
    expect(keyRing.byKid(kid)).toBeDefined();
    expect(keySetOf(keyRing).keys).toHaveLength(1);
    expect(keyRing.ready).toBe(false);
    await change(url, `UPDATE signing_keys SET status = 'active'`);
    await keyRing.reload();
    expect(keyRing.current().kid).toBe(kid);
  });
});

describe('secrets', () => {
  it('are in nothing that is printed', async () => {
    const { keyRing } = await start(await databases.create());
    const shown = [keyRing.current(), keyRing.byKid(keyRing.current().kid), keyRing.keySet.body, keyRing.publicKeyPem]
      .map((value) => inspect(value, { showHidden: true, depth: 20 }) + JSON.stringify(value))
      .join('\n');
    expect(shown).not.toMatch(/PRIVATE|PrivateKey|"(d|p|q|dp|dq|qi)"/);
    const everything = inspect(keyRing, { showHidden: true, depth: 20, maxArrayLength: null, maxStringLength: null });
    expect(everything).not.toMatch(/PrivateKey|BEGIN PRIVATE/);
    expect(everything).not.toContain(kek.toString('hex'));
  });
});

describe('the schema', () => {
  it('is what the entities say', async () => {
    const dataSource = await connect(await databases.create());
    const missing = await missingFromSchema(dataSource);
    await dataSource.destroy();
    expect(missing).toEqual([]);
  });
});
