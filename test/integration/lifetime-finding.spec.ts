import { fullDataSource } from '../../src/app.setup.js';
import { defaultSettings } from '../../src/clients/client.js';
import { ClientRepository } from '../../src/clients/index.js';
import { lifetimeFinding } from '../../src/diagnosis/lifetime-finding.js';
import { createMigratedDatabase } from '../support/migrated-database.js';

it('D4: names the clients whose tokens administer and live long', async () => {
  const database = await createMigratedDatabase();
  const dataSource = await fullDataSource(database.url).initialize();
  try {
    for (const [clientId, scope, accessTokenTtlSeconds, status] of [
      ['long', ['admin:oauth'], 601, 'active'],
      ['short', ['admin:full'], 600, 'active'],
      ['default', ['read:x', 'admin:full'], null, 'disabled'],
      ['harmless', ['read:x'], 86_400, 'active'],
    ] as const) {
      const settings = { ...defaultSettings, clientName: clientId, scope, accessTokenTtlSeconds, status };
      await new ClientRepository().insert(dataSource.manager, clientId, settings);
    }
    expect(await lifetimeFinding(dataSource, 600)).toMatchObject({
      status: 'warn',
      message: 'tokens with an admin scope live for more than 600 s: long',
    });
    expect((await lifetimeFinding(dataSource, 601)).message).toMatch(/: default, long$/);
    await dataSource.query(`DELETE FROM clients WHERE client_id = 'long'`);
    expect(await lifetimeFinding(dataSource, 600)).toMatchObject({ status: 'ok' });
  } finally {
    await dataSource.destroy();
    await database.drop();
  }
});
