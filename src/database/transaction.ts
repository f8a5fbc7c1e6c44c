import type { DataSource, EntityManager } from 'typeorm';
import { asDatabaseError } from './database-unavailable.js';

/**
 * Runs a use case in one transaction: everything `work` does through its `EntityManager` is committed together or not at all.
 *
 * @throws DatabaseUnavailable when the database cannot take it
 */
export async function inTransaction<T>(dataSource: DataSource, work: (tx: EntityManager) => Promise<T>): Promise<T> {
  try {
    return await dataSource.transaction('READ COMMITTED', work);
  } catch (error) {
    throw asDatabaseError(error);
  }
}
