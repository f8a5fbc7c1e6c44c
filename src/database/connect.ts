import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { ConfigurationError } from '../config/index.js';
import { isDatabaseUnavailable } from './database-unavailable.js';

const attempts = 15;
const pauseMs = 1_000;
const oldestServer = 140_000;

/**
 * Connects, and waits a quarter of a minute for a database that is still starting.
 *
 * @throws ConfigurationError on `DATABASE_URL` when the server is older than PostgreSQL 14
 */
export async function connect(dataSource: DataSource, onWait: () => void): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await dataSource.initialize();
      break;
    } catch (error) {
      if (attempt === attempts || !isDatabaseUnavailable(error)) throw error;
      if (attempt === 1) onWait();
      await sleep(pauseMs);
    }
  }
  const rows = await dataSource.query<{ version: string }[]>(`SELECT current_setting('server_version_num') AS version`);
  if (Number(rows[0]?.version) < oldestServer) {
    await dataSource.destroy();
    throw new ConfigurationError([{ variable: 'DATABASE_URL', message: 'leads to a server older than PostgreSQL 14' }]);
  }
}
