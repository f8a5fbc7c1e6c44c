import { Clock } from '../../src/clock/index.js';
import { createMigratedDatabase } from '../support/migrated-database.js';
import type { TestDatabase } from '../support/postgres.js';
import { administrator, type ClientProcess, openProcess, registration } from './client-fixture.js';

class SetClock extends Clock {
  at = 1_800_000_000_000;

  now(): number {
    return this.at;
  }
}

const clock = new SetClock();
let database: TestDatabase;
/** Two processes on one database. */
let here: ClientProcess;
let there: ClientProcess;

beforeAll(async () => {
  database = await createMigratedDatabase();
  [here, there] = await Promise.all([openProcess(database.url, clock), openProcess(database.url)]);
});

afterAll(async () => {
  await Promise.all([here.close(), there.close()]);
  await database.drop();
});

async function row(clientId: string): Promise<{ version: string; token_epoch: string; status: string }> {
  const [found] = await here.dataSource.query<{ version: string; token_epoch: string; status: string }[]>(
    'SELECT version, token_epoch, status FROM clients WHERE client_id = $1',
    [clientId],
  );
  if (found === undefined) throw new Error('no row');
  return found;
}

describe('version and token_epoch', () => {
  it('move with every write, and with every cut', async () => {
    const { client } = await here.clients.create(administrator, registration({ scope: 'read:profile' }));
    const { clientId } = client;
    const steps: [string, () => Promise<unknown>][] = [
      ['created', async () => undefined],
      ['patched', () => here.clients.update(administrator, clientId, { description: 'x' })],
      ['patched with nothing', () => here.clients.update(administrator, clientId, {})],
      ['regenerated', () => here.secrets.regenerate(administrator, clientId, 60)],
      ['secret deleted', () => here.secrets.delete(administrator, clientId, client.secrets[0]?.secretId ?? '')],
      ['disabled', () => here.clients.update(administrator, clientId, { status: 'disabled' })],
      ['enabled', () => here.clients.update(administrator, clientId, { status: 'active' })],
      ['deleted', () => here.clients.delete(administrator, clientId)],
    ];
    const seen: string[] = [];
    for (const [step, run] of steps) {
      await run();
      const { version, token_epoch, status } = await row(clientId);
      seen.push(`${step}: ${version}, ${token_epoch}, ${status}`);
    }
    expect(seen).toEqual([
      'created: 1, 0, active',
      'patched: 2, 0, active',
      'patched with nothing: 2, 0, active',
      'regenerated: 3, 0, active',
      'secret deleted: 4, 0, active',
      'disabled: 6, 1, disabled',
      'enabled: 7, 1, active',
      'deleted: 9, 2, deleted',
    ]);
  });

  it('do not move when a use is written', async () => {
    const { client } = await here.clients.create(administrator, registration());
    here.usage.used(client.clientId, client.secrets[0]?.secretId ?? null);
    await here.usage.flush();
    expect(await row(client.clientId)).toMatchObject({ version: '1' });
  });
});

describe('writers of one client', () => {
  it('that regenerate at once take turns: every secret but one has ended', async () => {
    const { client } = await here.clients.create(administrator, registration());
    const made = await Promise.all(
      Array.from({ length: 8 }, (_, i) => (i % 2 ? here : there).secrets.regenerate(administrator, client.clientId, 0)),
    );
    const { secrets } = await here.listing.get(client.clientId);
    expect(secrets).toHaveLength(1);
    expect(made.map(({ secretId }) => secretId)).toContain(secrets[0]?.secretId);
    expect(await row(client.clientId)).toMatchObject({ version: '9' });
  });

  it('that register the same identifier at once: one does', async () => {
    const body = registration({ client_id: 'same-id' });
    const results = await Promise.allSettled(
      Array.from({ length: 6 }, (_, i) => (i % 2 ? here : there).clients.create(administrator, body)),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ name: 'ClientIdTaken', status: 409 });
    }
    expect((await here.listing.get('same-id')).secrets).toHaveLength(1);
  });

  it('that fail leave nothing behind', async () => {
    const count = () =>
      here.dataSource.query('SELECT (SELECT count(*) FROM clients), (SELECT count(*) FROM audit_log)');
    const before: unknown = await count();
    await expect(here.clients.create(administrator, registration({ scope: 'no:such' }))).rejects.toMatchObject({
      status: 400,
    });
    expect(await count()).toEqual(before);
  });
});

describe('a scope that is deleted while a client is given it', () => {
  it('ends deleted and not given, or given and not deleted', async () => {
    const dangling: string[] = [];
    for (let round = 0; round < 20; round += 1) {
      const scope = `race:${round}`;
      await here.scopes.create(administrator, { name: scope });
      const { client } = await here.clients.create(administrator, registration());
      const [given, deleted] = await Promise.allSettled(
        round % 2
          ? [here.clients.update(administrator, client.clientId, { scope }), there.scopes.delete(administrator, scope)]
          : [there.clients.create(administrator, registration({ scope })), here.scopes.delete(administrator, scope)],
      );
      if (given.status === deleted.status) dangling.push(`${scope}: ${given.status}`);
    }
    expect(dangling).toEqual([]);
  });
});

describe('last_used_at', () => {
  const uses = async (clientId: string): Promise<(Date | null | undefined)[]> => {
    const client = await there.listing.get(clientId);
    return [client.lastUsedAt, client.secrets[0]?.lastUsedAt];
  };

  it('is written soon at first, then at most once a minute', async () => {
    const { client } = await here.clients.create(administrator, registration());
    const { clientId, secrets } = client;
    const secretId = secrets[0]?.secretId ?? '';
    expect(await uses(clientId)).toEqual([null, null]);

    const first = new Date(clock.at);
    here.usage.used(clientId, secretId);
    await here.usage.flush();
    expect(await uses(clientId)).toEqual([first, first]);

    clock.at += 59_000;
    here.usage.used(clientId, secretId);
    await here.usage.flush();
    expect(await uses(clientId)).toEqual([first, first]);

    const second = new Date(clock.at);
    clock.at += 1_000;
    await here.usage.flush();
    expect(await uses(clientId)).toEqual([second, second]);

    clock.at += 1_000;
    here.usage.used(clientId, secretId);
    await here.usage.beforeApplicationShutdown();
    expect(await uses(clientId)).toEqual([new Date(clock.at), new Date(clock.at)]);
  });

  it('passes over a client that an admin is writing to, and comes back to it', async () => {
    const { client } = await here.clients.create(administrator, registration());
    await there.dataSource.transaction(async (tx) => {
      await tx.query('SELECT 1 FROM clients WHERE client_id = $1 FOR UPDATE', [client.clientId]);
      here.usage.used(client.clientId, null);
      await here.usage.flush();
    });
    expect(await uses(client.clientId)).toEqual([null, null]);
    await here.usage.flush();
    expect(await uses(client.clientId)).toEqual([new Date(clock.at), null]);
  });

  it('survives clients that are gone and a database that is away', async () => {
    here.usage.used('no-such-client', 'nosuchid');
    await here.usage.flush();
    const gone = await openProcess(database.url);
    gone.usage.used('no-such-client', 'nosuchid');
    await gone.close();
    await gone.usage.flush();
  });
});

it('M-27 a database that is read-only takes no write, and keeps no part of one', async () => {
  const { client } = await here.clients.create(administrator, registration());
  const [{ name } = { name: '' }] = await here.dataSource.query<{ name: string }[]>(
    'SELECT current_database() AS name',
  );
  await here.dataSource.query(`ALTER DATABASE "${name}" SET default_transaction_read_only = on`);
  const reader = await openProcess(database.url);
  const { clientId } = client;
  const writes = await Promise.allSettled([
    reader.clients.create(administrator, registration()),
    reader.clients.update(administrator, clientId, { description: 'x' }),
    reader.clients.delete(administrator, clientId),
    reader.secrets.regenerate(administrator, clientId, 0),
    reader.scopes.create(administrator, { name: 'read:only' }),
    reader.scopes.delete(administrator, 'read:groups'),
  ]);
  for (const write of writes) {
    expect(write).toMatchObject({ status: 'rejected', reason: { name: 'DatabaseUnavailable' } });
  }
  expect(await reader.listing.get(clientId)).toEqual(client);
  await reader.close();
  await here.dataSource.query(`ALTER DATABASE "${name}" RESET default_transaction_read_only`);
});
