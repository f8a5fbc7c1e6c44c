import type { DataSource } from 'typeorm';

/** The connections of a pool at one moment. */
export interface ConnectionCounts {
  /** Most that it opens. */
  readonly max: number;
  readonly open: number;
  /** Open and not in use. */
  readonly idle: number;
  /** Who waits for one. */
  readonly waiting: number;
}

/** What is read of a pool of `pg`. */
interface CountedPool {
  readonly options: { readonly max: number };
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
}

export function connectionsOf({ options, totalCount, idleCount, waitingCount }: CountedPool): ConnectionCounts {
  return { max: options.max, open: totalCount, idle: idleCount, waiting: waitingCount };
}

/** The connections of TypeORM's pool; `undefined` while it has none. */
export function connectionsOfDataSource({ driver }: DataSource): ConnectionCounts | undefined {
  const pool = 'master' in driver ? (driver.master as CountedPool | undefined) : undefined;
  return pool === undefined ? undefined : connectionsOf(pool);
}
