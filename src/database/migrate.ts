import type { DataSource } from 'typeorm';

/** "signet" in ASCII: the advisory lock that lets one process migrate while the others wait. */
const migrationLock = '126879297332596';

/**
 * Runs the migrations that the database still lacks. Any number of processes may call it at once: one works, the others wait
 * and then find nothing to do.
 *
 * @returns the names of the migrations that this call ran
 */
export async function migrate(dataSource: DataSource): Promise<string[]> {
  const lock = dataSource.createQueryRunner();
  await lock.connect();
  try {
    await lock.query('SET statement_timeout = 0');
    await lock.query('SELECT pg_advisory_lock($1)', [migrationLock]);
    const executed = await dataSource.runMigrations({ transaction: 'each' });
    return executed.map((migration) => migration.name);
  } finally {
    await lock.query('SELECT pg_advisory_unlock($1)', [migrationLock]).catch(() => undefined);
    await lock.query('RESET statement_timeout').catch(() => undefined);
    await lock.release();
  }
}
