import { createMigratedDatabase } from '../support/migrated-database.js';
import type { TestDatabase } from '../support/postgres.js';
import { administrator, type ClientProcess, openProcess, registration } from './client-fixture.js';

let database: TestDatabase;
let process: ClientProcess;

beforeAll(async () => {
  database = await createMigratedDatabase();
  process = await openProcess(database.url);
});

afterAll(async () => {
  await process.close();
  await database.drop();
});

describe('ScopeRegistry', () => {
  it('knows nothing before it has looked, then what it saw last', async () => {
    const { registry } = process;
    expect(registry.cached()).toBeUndefined();
    const loaded = await registry.load();
    expect(registry.cached()).toBe(loaded);
    expect([loaded.has('read:profile'), loaded.has('manage:*'), loaded.has('read:*')]).toEqual([true, true, false]);
    expect(loaded.names.size).toBe(13);
  });

  it('sees every change that was committed before it was asked, however many ask', async () => {
    const { registry, scopes } = process;
    for (let round = 0; round < 10; round += 1) {
      const early = registry.load();
      await scopes.create(administrator, { name: `seen:${round}` });
      const late = await Promise.all([registry.load(), registry.load()]);
      expect(late.map((loaded) => loaded.has(`seen:${round}`))).toEqual([true, true]);
      await early;
    }
  });

  it('has a new version with every name that comes or goes, and with nothing else', async () => {
    const { registry, scopes } = process;
    const version = async () => Number((await registry.load()).version);
    const start = await version();
    await scopes.create(administrator, { name: 'counted:x', description: '' });
    expect(await version()).toBe(start + 1);
    await scopes.update(administrator, 'counted:x', { description: 'more' });
    await process.clients.create(administrator, registration({ scope: 'counted:x' }));
    await expect(scopes.delete(administrator, 'counted:x')).rejects.toMatchObject({ name: 'ScopeInUse', status: 409 });
    await expect(scopes.create(administrator, { name: 'counted:x' })).rejects.toMatchObject({ name: 'ScopeNameTaken' });
    expect(await version()).toBe(start + 1);
    await scopes.create(administrator, { name: 'counted:y' });
    await scopes.delete(administrator, 'counted:y');
    expect(await version()).toBe(start + 3);
  });
});

it('registers a name once, however many try', async () => {
  const results = await Promise.allSettled(
    Array.from({ length: 6 }, () => process.scopes.create(administrator, { name: 'once:x' })),
  );
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});
