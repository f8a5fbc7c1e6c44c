import { Client } from 'pg';
import { fullDataSource } from '../../src/app.setup.js';
import { migrate } from '../../src/database/index.js';
import { createDatabase, createTestDatabase, databaseUrl, type TestDatabase } from './postgres.js';

const template = 'signet_migrated';

/** A new database with every migration run: a copy of a template that the first caller of a test run makes. */
export async function createMigratedDatabase(): Promise<TestDatabase> {
  await ensureTemplate();
  return createTestDatabase(template);
}

async function ensureTemplate(): Promise<void> {
  const client = new Client({ connectionString: databaseUrl('postgres') });
  await client.connect();
  try {
    await client.query(`SELECT pg_advisory_lock(hashtext('signet test template'))`);
    const ready = await client.query(`SELECT 1 FROM pg_database WHERE datname = $1 AND datistemplate`, [template]);
    if (ready.rowCount === 1) return;
    await client.query(`DROP DATABASE IF EXISTS ${template}`);
    await createDatabase(template);
    const dataSource = await fullDataSource(databaseUrl(template)).initialize();
    await migrate(dataSource);
    await dataSource.destroy();
    await client.query(`ALTER DATABASE ${template} IS_TEMPLATE true`);
  } finally {
    await client.end();
  }
}
