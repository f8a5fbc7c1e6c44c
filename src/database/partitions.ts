import type { DataSource } from 'typeorm';
import { asDatabaseError } from './database-unavailable.js';

/** How a partitioned table is cut: one partition per UTC day or per UTC month. */
export type PartitionSpan = 'day' | 'month';

const startOf = {
  day: (at: Date, offset: number) =>
    new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate() + offset)),
  month: (at: Date, offset: number) => new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + offset, 1)),
} as const;

/** The partition of `table` that holds `at`, `offset` spans later: its name and its half-open range. */
export function partitionAt(
  table: string,
  span: PartitionSpan,
  at: Date,
  offset = 0,
): { name: string; from: Date; to: Date } {
  const from = startOf[span](at, offset);
  const to = startOf[span](at, offset + 1);
  const stamp = from
    .toISOString()
    .slice(0, span === 'day' ? 10 : 7)
    .replaceAll('-', '');
  return { name: `${table}_p${stamp}`, from, to };
}

/**
 * Creates the partitions of `table` from the one that holds `now` up to `ahead` spans later. Safe to run anywhere at any time:
 * what exists is left alone, and processes that do it at once do not disturb each other.
 *
 * @param table name of a table partitioned by range; never user input
 */
export async function ensurePartitions(
  dataSource: DataSource,
  table: string,
  span: PartitionSpan,
  now: Date,
  ahead: number,
): Promise<void> {
  try {
    const existing = new Set(await listPartitions(dataSource, table));
    for (let offset = 0; offset <= ahead; offset += 1) {
      const { name, from, to } = partitionAt(table, span, now, offset);
      if (existing.has(name)) continue;
      await dataSource.transaction(async (tx) => {
        await tx.query(`SELECT pg_advisory_xact_lock(hashtext('signet.partitions'), hashtext($1))`, [table]);
        await tx.query(
          `CREATE TABLE IF NOT EXISTS "${name}" PARTITION OF "${table}" FOR VALUES FROM ('${from.toISOString()}') TO ('${to.toISOString()}')`,
        );
      });
    }
  } catch (error) {
    throw asDatabaseError(error);
  }
}

/**
 * Drops the partitions of `table` whose whole range ended before `before`.
 *
 * The lock is asked for briefly: where a long query holds the table, the drop waits for the next run instead of queueing
 * every writer behind it.
 *
 * @returns the names of the dropped partitions
 */
export async function dropPartitionsBefore(
  dataSource: DataSource,
  table: string,
  span: PartitionSpan,
  before: Date,
): Promise<string[]> {
  const oldest = partitionAt(table, span, before).name;
  const stale = (await listPartitions(dataSource, table)).filter((name) => name < oldest);
  for (const name of stale) {
    await dataSource.transaction(async (tx) => {
      await tx.query(`SET LOCAL lock_timeout = '2s'`);
      await tx.query(`DROP TABLE IF EXISTS "${name}"`);
    });
  }
  return stale;
}

async function listPartitions(dataSource: DataSource, table: string): Promise<string[]> {
  const rows = await dataSource.query<{ name: string }[]>(
    `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::regclass ORDER BY 1`,
    [`"${table}"`],
  );
  return rows.map(({ name }) => name);
}
