import type { ClientBase } from 'pg';
import { DataSource, type EntitySchema } from 'typeorm';
import { migrations } from '../../migrations/index.js';

type EntityClass = (new (...args: never[]) => object) | EntitySchema;

/**
 * The TypeORM data source on `url`. It never changes the schema by itself: migrations are run by `migrate`.
 *
 * @param entities the entities of the modules that are used; none are needed to migrate
 * @param poolSize most connections that it opens
 */
export function createDataSource(
  url: string,
  entities: readonly EntityClass[] = [],
  onPoolError?: () => void,
  poolSize = 10,
): DataSource {
  return new DataSource({
    type: 'postgres',
    url,
    entities: [...entities],
    migrations,
    migrationsTableName: 'migrations',
    synchronize: false,
    logging: false,
    poolSize,
    connectTimeoutMS: 3_000,
    applicationName: 'signet',
    poolErrorHandler: onPoolError ?? (() => undefined),
    extra: {
      keepAlive: true,
      onConnect: surviveLoss,
      options: '-c statement_timeout=30000 -c idle_in_transaction_session_timeout=5000 -c lock_timeout=5000',
    },
  });
}

/**
 * TypeORM listens for the loss of a connection only a moment after the pool has lent it out. What arrives before, in the
 * packet that says that the connection is ready, would end the process; as it is, the next statement fails.
 */
function surviveLoss(client: ClientBase): void {
  client.on('error', () => undefined);
}
