import { randomBytes } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { eventually, KeyDatabases, type KeyServer, type KeyServerOptions, startKeys } from './key-fixture.js';

const minute = 60_000;
const day = 86_400_000;
const kek = randomBytes(32);
const databases = new KeyDatabases();
const running: KeyServer[] = [];

let url: string;
let now: number;

beforeAll(() => databases.prepare());
afterAll(() => databases.dropAll());
beforeEach(async () => {
  url = await databases.create();
  // After the first key began to sign, whenever that will be.
  now = Date.now() + minute;
});
afterEach(() => Promise.all(running.splice(0).map((server) => server.close())));

async function start(options: Partial<KeyServerOptions> = {}): Promise<KeyServer> {
  const server = await startKeys(url, { kek, signingAlg: 'ES256', ...options });
  running.push(server);
  return server;
}

async function stop(): Promise<void> {
  await Promise.all(running.splice(0).map((server) => server.close()));
}

function published({ keyRing }: KeyServer): string[] {
  return (JSON.parse(keyRing.keySet.body) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
}

interface Row {
  kid: string;
  status: string;
  activates_at: Date;
  activated_at: Date;
  expires_at: Date | null;
  destroyed: boolean;
}

function rows(dataSource: DataSource): Promise<Row[]> {
  return dataSource.query(
    `SELECT kid, status, activates_at, activated_at, expires_at,
       private_ciphertext IS NULL AND wrapped_dek IS NULL AND kek_id IS NULL AS destroyed
     FROM signing_keys ORDER BY created_at`,
  );
}

const statuses = async (dataSource: DataSource) => (await rows(dataSource)).map(({ status }) => status);

/** What happened: entries of the audit log and events, in their order. */
async function history(dataSource: DataSource): Promise<string[]> {
  const entries = await dataSource.query<{ line: string }[]>(
    `SELECT action || ' ' || target_id AS line FROM audit_log WHERE success AND actor_client_id IS NULL ORDER BY id`,
  );
  const events = await dataSource.query<{ line: string }[]>(
    `SELECT type || ' ' || subject AS line FROM events WHERE routed_at IS NULL ORDER BY id`,
  );
  return [...entries, ...events].map(({ line }) => line);
}

/** A token of `kid`, as the token endpoint would have recorded it. */
async function recordToken(dataSource: DataSource, kid: string, expiresAt: number): Promise<void> {
  await dataSource.query(`CREATE TABLE IF NOT EXISTS tokens_of_test PARTITION OF access_tokens DEFAULT`);
  await dataSource.query(
    `INSERT INTO access_tokens (jti, expires_at, token_hash, client_id, client_epoch, kid, scope, aud, issued_at)
     VALUES (gen_random_uuid(), $1, '\\x00', 'billing', 1, $2, '', '{}', now())`,
    [new Date(expiresAt), kid],
  );
}

describe('the autopilot', () => {
  it('is a job that is due every minute', async () => {
    const { jobs } = await start();
    expect(jobs.map(({ name, everySeconds }) => [name, everySeconds])).toEqual([['signing-keys', 60]]);
    await expect(jobs[0]?.run(new AbortController().signal)).resolves.toBeUndefined();
  });

  it('publishes, activates, retires and destroys, each when its time has come', async () => {
    const server = await start();
    const { autopilot, dataSource, keyRing } = server;
    const first = keyRing.current().kid;
    expect(await autopilot.tend(now + 88 * day)).toEqual([]);

    expect(await autopilot.tend(now + 89.5 * day)).toMatchObject([{ kind: 'publish' }]);
    const [, next = ''] = published(server);
    expect(keyRing.current().kid).toBe(first);
    expect(await autopilot.tend(now + 90.4 * day)).toEqual([]);
    expect(keyRing.current().kid).toBe(first);

    const begin = now + 90.5 * day;
    expect(await autopilot.tend(begin)).toEqual([{ kind: 'activate', kid: next, alg: 'ES256' }]);
    expect(keyRing.current().kid).toBe(next);
    expect(published(server)).toEqual([next, first]);
    expect(await autopilot.tend(begin)).toEqual([]);

    expect(await autopilot.tend(begin + day + 10 * minute - 1)).toEqual([]);
    expect(await autopilot.tend(begin + day + 10 * minute)).toEqual([{ kind: 'retire', kid: first }]);
    expect(published(server)).toEqual([next]);
    expect(await rows(dataSource)).toMatchObject([
      { kid: first, status: 'retired', destroyed: true },
      { kid: next, status: 'active', destroyed: false, activated_at: new Date(begin) },
    ]);
    expect(await history(dataSource)).toEqual([
      `key.created ${first}`,
      `key.created ${next}`,
      `key.activated ${next}`,
      `key.retired ${first}`,
      `oauth.key.rotated ${next}`,
      `oauth.key.rotated ${next}`,
    ]);
  });

  it('does nothing by itself where KEY_ROTATION_DAYS is 0', async () => {
    const { autopilot, dataSource } = await start({ rotationDays: 0 });
    expect(await autopilot.tend(now + 1_000 * day)).toEqual([]);
    expect(await statuses(dataSource)).toEqual(['active']);
  });

  it('catches up after an outage of many periods, without signing with what was published just now', async () => {
    const first = (await start()).keyRing.current().kid;
    await stop();
    const server = await start();
    const back = now + 400 * day;
    await server.autopilot.tend(back);
    expect(published(server)).toHaveLength(2);
    expect(server.keyRing.current().kid).toBe(first);
    expect(await server.autopilot.tend(back + day - 1)).toEqual([]);
    await server.autopilot.tend(back + day);
    expect(server.keyRing.current().kid).not.toBe(first);
  });

  it('catches up after an outage that began while a key was waiting', async () => {
    await (await start()).autopilot.tend(now + 89 * day);
    await stop();
    const server = await start();
    const [, next] = published(server);
    await server.autopilot.tend(now + 400 * day);
    expect(server.keyRing.current().kid).toBe(next);
    expect(await statuses(server.dataSource)).toEqual(['retiring', 'active']);
  });

  it.each([
    ['the next key is published', 89 * day],
    ['it begins to sign', 91 * day],
  ])('changes the keys once, however many processes tend them when %s', async (_, later) => {
    const servers = await Promise.all([start(), start(), start()]);
    await servers[0].autopilot.tend(now + later - day);
    const before = (await rows(servers[0].dataSource)).length;
    const done = await Promise.all(
      servers.flatMap(({ autopilot }) => [autopilot.tend(now + later), autopilot.tend(now + later)]),
    );
    expect(done.filter((steps) => steps.length > 0)).toHaveLength(1);
    expect(await rows(servers[0].dataSource)).toHaveLength(later === 89 * day ? before + 1 : before);
    await eventually(() => new Set(servers.map(({ keyRing }) => keyRing.keySet.body)).size === 1);
    expect(new Set(servers.map(({ keyRing }) => keyRing.current().kid)).size).toBe(1);
  });

  it('does not let a key sign that does not open, and makes another one', async () => {
    const server = await start();
    const { autopilot, dataSource, keyRing } = server;
    const first = keyRing.current().kid;
    await autopilot.tend(now + 89 * day);
    await dataSource.query(`UPDATE signing_keys SET wrapped_dek = '\\x00' WHERE status = 'pending'`);
    await autopilot.tend(now + 90 * day);
    expect(keyRing.current().kid).toBe(first);
    expect(await statuses(dataSource)).toEqual(['active', 'revoked']);
    expect(await autopilot.tend(now + 90 * day)).toMatchObject([{ kind: 'publish' }]);
    await autopilot.tend(now + 91 * day);
    expect(keyRing.current().kid).not.toBe(first);
  });
});

describe('a key that signs no more', () => {
  async function rotated(server: KeyServer): Promise<string> {
    const { kid } = server.keyRing.current();
    await server.autopilot.tend(now + 89 * day);
    await server.autopilot.tend(now + 90 * day);
    return kid;
  }

  const expiry = async ({ dataSource }: KeyServer, kid: string) =>
    (await rows(dataSource)).find((row) => row.kid === kid)?.expires_at;

  it('stays published ten minutes longer than the last token that it has signed', async () => {
    const server = await start();
    const old = await rotated(server);
    const end = now + 90 * day;
    expect(await expiry(server, old)).toEqual(new Date(end + day + 10 * minute));
    await recordToken(server.dataSource, old, end + 30 * minute);
    await recordToken(server.dataSource, old, end + 20 * minute);
    await recordToken(server.dataSource, server.keyRing.current().kid, end + day);
    await server.autopilot.tend(end + minute);
    expect(await expiry(server, old)).toEqual(new Date(end + 40 * minute));
    expect(await server.autopilot.tend(end + 40 * minute - 1)).toEqual([]);
    expect(published(server)).toContain(old);
    await server.autopilot.tend(end + 40 * minute);
    expect(published(server)).not.toContain(old);
  });

  it('stays for ten minutes where no token of it lives', async () => {
    const server = await start();
    const old = await rotated(server);
    await server.autopilot.tend(now + 90 * day + minute);
    expect(await expiry(server, old)).toEqual(new Date(now + 90 * day + 11 * minute));
  });

  it('stays for the longest life of a token where there are too many to look at', async () => {
    const server = await start();
    const old = await rotated(server);
    await server.dataSource.transaction(async (tx) => {
      await tx.query('LOCK TABLE access_tokens IN ACCESS EXCLUSIVE MODE');
      await server.autopilot.tend(now + 90 * day + minute);
    });
    expect(await expiry(server, old)).toEqual(new Date(now + 91 * day + 10 * minute));
  });
});
