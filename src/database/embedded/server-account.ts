import { lstat } from 'node:fs/promises';

import type { Account } from './account.js';
import { runCommand } from './command.js';
import { EmbeddedPostgresError } from './embedded-postgres-error.js';

/** Tried in this order when we are root; macOS has `_postgres`. */
const ACCOUNT_NAMES = ['postgres', '_postgres', 'nobody'];

/** setuid(2) through Node takes no more than this; macOS gives `nobody` a larger number. */
const LARGEST_UID = 0x7fff_ffff;

/**
 * As whom PostgreSQL runs, which refuses to run as root: undefined for "as ourselves" when we are an ordinary user, else
 * the owner of the cluster directory if it has one already, else the user `postgres`, else `nobody`.
 *
 * @param clusterDirectory the cluster's directory; it need not exist
 * @throws EmbeddedPostgresError when the directory belongs to somebody else, or when there is no user to run as
 */
export async function serverAccount(clusterDirectory: string): Promise<Account | undefined> {
  const owner = await lstat(clusterDirectory).catch(() => undefined);
  const ourUid = process.getuid?.();
  if (ourUid !== 0) {
    if (owner !== undefined && owner.uid !== ourUid) {
      throw new EmbeddedPostgresError(
        `${clusterDirectory} belongs to the user with id ${owner.uid}: start as that user, or choose another DATA_DIR`,
      );
    }
    return undefined;
  }
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  for (const name of ACCOUNT_NAMES) {
    const account = await lookUp(name);
    if (account !== undefined) return account;
  }
  throw new EmbeddedPostgresError(
    'PostgreSQL does not run as root, and there is no user "postgres" or "nobody" to run it as: ' +
      'start as an ordinary user, or set DATABASE_URL',
  );
}

/** `id` rather than /etc/passwd: it also knows the users of a directory service. */
async function lookUp(name: string): Promise<Account | undefined> {
  const [uid, gid] = await Promise.all([runCommand('id', ['-u', name]), runCommand('id', ['-g', name])]);
  if (uid.code !== 0 || gid.code !== 0) return undefined;
  const account = { uid: Number(uid.output.trim()), gid: Number(gid.output.trim()) };
  const usable = (id: number): boolean => Number.isInteger(id) && id > 0 && id <= LARGEST_UID;
  return usable(account.uid) && usable(account.gid) ? account : undefined;
}
