import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import type { Account } from './account.js';
import type { Binaries } from './binaries.js';
import { type CommandResult, runCommand } from './command.js';
import { giveTo, lendDirectory } from './data-directory.js';
import { EmbeddedPostgresError, systemErrorCode } from './embedded-postgres-error.js';
import { hasProcess } from './process-facts.js';
import { DATABASE_NAME, HOST_BASED_AUTHENTICATION, initdbArguments } from './settings.js';

/** An unfinished cluster whose maker cannot be told dead by its process id is taken for left behind after this long. */
const LEFTOVER_AGE_MS = 60 * 60 * 1000;

/** All that is fixed about a cluster while it is supervised. */
export interface Cluster {
  /** Its directory, `<DATA_DIR>/postgres`, absolute and without symbolic links. */
  readonly directory: string;
  /** As whom its processes run; undefined for ourselves. */
  readonly account: Account | undefined;
  readonly binaries: Binaries;
  /** Override the settings of `settings.ts`. */
  readonly settings: Readonly<Record<string, string>>;
}

/**
 * Makes the cluster if it is not there. It is made under another name, with its database, and renamed when it is whole:
 * a process killed in the middle leaves nothing that looks like a cluster, and of two at once one wins.
 *
 * @returns whether this call has made it
 * @throws EmbeddedPostgresError when it cannot be made, or is there but not of this PostgreSQL version
 */
export async function ensureCluster(cluster: Cluster): Promise<boolean> {
  await removeLeftovers(cluster.directory);
  const found = await clusterVersion(cluster.directory);
  if (found === undefined) return createCluster(cluster);
  if (found !== cluster.binaries.majorVersion) {
    throw new EmbeddedPostgresError(
      `${cluster.directory} was made by PostgreSQL ${found}, and this release brings PostgreSQL ` +
        `${cluster.binaries.majorVersion}: move the data with pg_dump of version ${found}, or choose another DATA_DIR`,
    );
  }
  if (cluster.account !== undefined && (await stat(cluster.directory)).uid !== cluster.account.uid) {
    await giveTo(cluster.account, cluster.directory);
  }
  return false;
}

/** The major version that made the cluster; undefined when there is none. */
async function clusterVersion(directory: string): Promise<string | undefined> {
  try {
    return (await readFile(join(directory, 'PG_VERSION'), 'utf8')).trim();
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
  const entries = await readdir(directory).catch(() => []);
  if (entries.length === 0) return undefined;
  throw new EmbeddedPostgresError(
    `${directory} is not empty and holds no PostgreSQL cluster: move it away, or choose another DATA_DIR`,
  );
}

async function createCluster(cluster: Cluster): Promise<boolean> {
  const staging = `${cluster.directory}.init-${process.pid}-${randomBytes(6).toString('hex')}`;
  try {
    await mkdir(staging, { mode: 0o700 });
    if (cluster.account !== undefined) await giveTo(cluster.account, staging);
    await initialise(cluster, staging);
    await rename(staging, cluster.directory);
    await syncDirectory(dirname(cluster.directory));
    return true;
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    if (['ENOTEMPTY', 'EEXIST'].includes(systemErrorCode(error) ?? '')) return false;
    throw error;
  }
}

async function initialise(cluster: Cluster, staging: string): Promise<void> {
  const { account, binaries, settings } = cluster;
  const lent = await lendDirectory(staging, account);
  const options = { account, descriptor: lent.descriptor };
  try {
    check('initdb', await runCommand(binaries.initdb, initdbArguments(lent.path, settings), options));
    const single = ['--single', '-D', lent.path, '-c', 'exit_on_error=on', '-c', 'log_checkpoints=off', 'postgres'];
    const input = `CREATE DATABASE ${DATABASE_NAME};\n`;
    check('CREATE DATABASE', await runCommand(binaries.postgres, single, { ...options, input }));
  } finally {
    await lent.close();
  }
  await writeFile(join(staging, 'pg_hba.conf'), HOST_BASED_AUTHENTICATION);
}

function check(step: string, { code, output }: CommandResult): void {
  if (code === 0) return;
  throw new EmbeddedPostgresError(
    `the embedded PostgreSQL cluster could not be made (${step}, exit code ${code}): ${output.trim().slice(-2000)}`,
  );
}

/** Without this a crash of the machine could undo the rename. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function removeLeftovers(directory: string): Promise<void> {
  const prefix = `${basename(directory)}.init-`;
  for (const name of await readdir(dirname(directory))) {
    if (!name.startsWith(prefix)) continue;
    const path = join(dirname(directory), name);
    if (await isLeftBehind(path, Number(name.slice(prefix.length).split('-')[0]))) {
      // The initdb of a killed process may still be writing there; then the next start removes it.
      await rm(path, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
    }
  }
}

async function isLeftBehind(path: string, maker: number): Promise<boolean> {
  if (!hasProcess(maker)) return true;
  const stats = await stat(path).catch(() => undefined);
  return stats !== undefined && stats.mtimeMs < Date.now() - LEFTOVER_AGE_MS;
}
