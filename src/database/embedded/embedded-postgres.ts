import { join } from 'node:path';

import { serverAccount } from './server-account.js';
import { prepareBinaries } from './binaries.js';
import { type Cluster, ensureCluster } from './cluster.js';
import { prepareDataDirectory } from './data-directory.js';
import { EmbeddedPostgresError, reasonOf } from './embedded-postgres-error.js';
import { Supervisor } from './supervisor.js';

/** What `startEmbeddedPostgres` is told. */
export interface EmbeddedPostgresOptions {
  /** `DATA_DIR`; the cluster is its subdirectory `postgres`. Made, with mode 0700, if it is not there. */
  readonly dataDir: string;
  /** Takes one line at a time: what an operator wants to know (started, ended, started again). */
  readonly log: (line: string) => void;
  /** PostgreSQL settings that override ours, as `{ fsync: 'off' }` in tests. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A PostgreSQL server of this machine, reached by a Unix socket only. */
export interface EmbeddedPostgres {
  /** `postgresql://postgres@/signet?host=<directory of the socket>` for pg, TypeORM and BullMQ; stays the same until `stop`. */
  readonly url: string;
  /**
   * To be called when every connection is closed. Shuts PostgreSQL down, or, where another process had started it
   * before, leaves it to that process. Never rejects. Without it PostgreSQL ends with this process, however that ends.
   */
  stop(): Promise<void>;
}

/**
 * Starts the embedded PostgreSQL on the cluster in `dataDir`, making it at the first time; or joins the one that another
 * process of this machine runs there (see `Supervisor`). Root's PostgreSQL runs as the user `postgres`, else `nobody`.
 *
 * @throws EmbeddedPostgresError when there is none for this machine, the directory cannot be used, or it does not start
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  try {
    const cluster = await prepareCluster(options);
    const supervisor = new Supervisor(cluster, options.log);
    const url = await supervisor.start();
    return { url, stop: () => supervisor.stop() };
  } catch (error) {
    if (error instanceof EmbeddedPostgresError) throw error;
    throw new EmbeddedPostgresError(`the embedded PostgreSQL does not start: ${reasonOf(error)}`, { cause: error });
  }
}

async function prepareCluster(options: EmbeddedPostgresOptions): Promise<Cluster> {
  const dataDir = await prepareDataDirectory(options.dataDir);
  const directory = join(dataDir, 'postgres');
  const account = await serverAccount(directory);
  const binaries = await prepareBinaries(account, dataDir);
  const cluster = { directory, account, binaries, settings: options.settings ?? {} };
  if (await ensureCluster(cluster)) options.log(`embedded PostgreSQL ${binaries.version}: data in ${directory}`);
  return cluster;
}
