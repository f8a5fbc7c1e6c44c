import { createHash } from 'node:crypto';
import { lchown, lstat, mkdir, mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type Account, mayReach } from './account.js';
import { EmbeddedPostgresError, reasonOf, systemErrorCode } from './embedded-postgres-error.js';
import { DATABASE_NAME, DATABASE_USER } from './settings.js';

/** The name of the socket; the number stands for a port that is not there. */
const SOCKET = '.s.PGSQL.5432';

/** `sun_path` holds 104 bytes on macOS and 108 on Linux, the final zero included. */
const LONGEST_PATH_BYTES = 103;

/** The URL of the server's database behind a socket in this directory; pg, TypeORM and BullMQ take it. */
export function socketUrl(directory: string): string {
  return `postgresql://${DATABASE_USER}@/${DATABASE_NAME}?host=${encodeURIComponent(directory)}`;
}

/** Whether a socket in this directory has a path that the system can bind. */
export function fitsSocket(directory: string): boolean {
  return Buffer.byteLength(join(directory, SOCKET)) <= LONGEST_PATH_BYTES;
}

/**
 * Makes the directory for the socket of a cluster, closed to everybody but its owner, since whoever enters is the
 * database's superuser. It lies in the temporary directory and not in `DATA_DIR`, whose path may be too long and whose
 * file system may have no sockets. Its name follows from the cluster's path: when PostgreSQL is started again, by
 * whichever process, those that share it find it at the same address. Should somebody else sit on that name, another
 * is drawn.
 *
 * @param clusterDirectory the cluster that it is for
 * @param account who will own it; undefined for ourselves
 * @throws EmbeddedPostgresError when there is no place for one
 */
export async function makeSocketDirectory(clusterDirectory: string, account: Account | undefined): Promise<string> {
  const digest = createHash('sha256').update(clusterDirectory).digest('hex').slice(0, 16);
  const reasons: string[] = [];
  for (const base of new Set([tmpdir(), '/tmp'])) {
    const directory = join(base, `signet-${digest}`);
    if (!fitsSocket(directory)) reasons.push(`${base} is too long a path`);
    else if (account !== undefined && !(await mayReach(account, base))) reasons.push(`${base} is closed to others`);
    else {
      try {
        if (await claimSocketDirectory(directory, account)) return directory;
        const other = await mkdtemp(`${directory.slice(0, -7)}-`);
        await giveDirectory(other, account);
        return other;
      } catch (error) {
        reasons.push(reasonOf(error));
      }
    }
  }
  throw new EmbeddedPostgresError(`no place for the socket of PostgreSQL: ${reasons.join('; ')}`);
}

/**
 * Makes the directory, or takes over one that is ours and closed to others.
 *
 * @returns false when the name is somebody else's
 * @throws the system error when it cannot be made
 */
export async function claimSocketDirectory(directory: string, account: Account | undefined): Promise<boolean> {
  try {
    await mkdir(directory, { mode: 0o700 });
    await giveDirectory(directory, account);
    return true;
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
  }
  const stats = await lstat(directory);
  const owner = account?.uid ?? process.getuid?.();
  return stats.isDirectory() && stats.uid === owner && (stats.mode & 0o777) === 0o700;
}

async function giveDirectory(directory: string, account: Account | undefined): Promise<void> {
  if (account !== undefined) await lchown(directory, account.uid, account.gid);
}

/** Removes the directory unless a socket is in it. */
export async function removeSocketDirectory(directory: string): Promise<void> {
  await rmdir(directory).catch(() => undefined);
}
