import { randomBytes } from 'node:crypto';
import type { MadeKey } from '../../src/keys/key-vault.js';
import { KeyDatabases, type KeyServer, type KeyServerOptions, startKeys } from './key-fixture.js';

const kek = randomBytes(32);
const caller = {
  clientId: 'admin',
  scopes: ['admin:full'],
  jti: '',
  expiresAt: 0,
  origin: { ipAddress: undefined, userAgent: undefined, requestId: undefined },
};

describe('a new key', () => {
  const databases = new KeyDatabases();
  const running: KeyServer[] = [];
  let url: string;

  beforeAll(() => databases.prepare());
  beforeEach(async () => void (url = await databases.create()));
  afterEach(() => Promise.all(running.splice(0).map((server) => server.close())));
  afterAll(() => databases.dropAll());

  async function start(options: Partial<KeyServerOptions> = {}): Promise<KeyServer> {
    const server = await startKeys(url, { kek, signingAlg: 'ES256', ...options });
    running.push(server);
    return server;
  }

  /** Counts the keys that are made, and who held or awaited the lock of the keys meanwhile. */
  function watchMaking({ vault, dataSource }: KeyServer) {
    const seen = { made: 0, locked: 0 };
    const make = vault.make.bind(vault);
    jest.spyOn(vault, 'make').mockImplementation(async (alg): Promise<MadeKey> => {
      seen.made += 1;
      const [row] = await dataSource.query<{ count: number }[]>(
        `SELECT count(*)::int AS count FROM pg_locks
         WHERE locktype = 'advisory' AND classid = hashtext('signet.keys')::oid AND objsubid = 2
           AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      );
      seen.locked += row?.count ?? 0;
      return make(alg);
    });
    return seen;
  }

  async function statuses({ dataSource }: KeyServer): Promise<Record<string, number>> {
    const rows = await dataSource.query<{ status: string; count: number }[]>(
      'SELECT status, count(*)::int AS count FROM signing_keys GROUP BY status ORDER BY status',
    );
    return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
  }

  it.each<[string, (server: KeyServer) => Promise<unknown>, Record<string, number>]>([
    [
      'for a key that is revoked',
      ({ keys, keyRing }) => keys.revoke(caller, keyRing.current().kid, undefined),
      { active: 1, revoked: 1 },
    ],
    ['by hand', ({ keys }) => keys.rotate(caller, false), { active: 1, pending: 1 }],
    ['by hand, at once', ({ keys }) => keys.rotate(caller, true), { active: 1, retiring: 1 }],
    ['in time', ({ autopilot }) => autopilot.tend(Date.now() + 89.5 * 86_400_000), { active: 1, pending: 1 }],
  ])('is made while nobody waits for it: %s', async (_, change, expected) => {
    const server = await start();
    const seen = watchMaking(server);
    await change(server);
    expect(seen).toEqual({ made: 1, locked: 0 });
    expect(await statuses(server)).toEqual(expected);
    expect(await server.dataSource.query('SELECT 1 FROM audit_log')).toHaveLength(2);
  });

  it('is not made where none is needed', async () => {
    const server = await start();
    const { kid } = await server.keys.rotate(caller, false);
    const seen = watchMaking(server);
    await expect(server.keys.rotate(caller, false)).rejects.toThrow();
    await server.keys.revoke(caller, server.keyRing.current().kid, undefined);
    expect(server.keyRing.current().kid).toBe(kid);
    await expect(server.keys.revoke(caller, 'x'.repeat(43), undefined)).rejects.toThrow();
    expect(seen.made).toBe(0);
  });

  it('is not made for each of twenty that ask for a rotation at the same time', async () => {
    const server = await start();
    const seen = watchMaking(server);
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => server.keys.rotate(caller, true)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(seen.made).toBeLessThan(5);
    expect(await statuses(server)).toEqual({ active: 1, retiring: 1 });
  });

  it('is encrypted as the others are, also while one key-encryption key takes the place of another', async () => {
    await start();
    const server = await start({ kek: randomBytes(32), previousKek: kek });
    await server.keys.revoke(caller, server.keyRing.current().kid, undefined);
    const [row] = await server.dataSource.query<{ one: boolean }[]>(
      `SELECT count(DISTINCT kek_id) = 1 AS one
       FROM (SELECT kek_id FROM data_keys UNION ALL SELECT kek_id FROM signing_keys WHERE kek_id IS NOT NULL) k`,
    );
    expect(row).toEqual({ one: true });
    expect((await start()).keyRing.current().kid).toBe(server.keyRing.current().kid);
  });
});
