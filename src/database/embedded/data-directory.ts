import { access, chmod, constants, lchown, mkdir, open, readdir, realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import type { Account } from './account.js';
import { EmbeddedPostgresError, reasonOf } from './embedded-postgres-error.js';

/**
 * Makes sure that `DATA_DIR` is there and can be written. A new one is closed to everybody else (0700).
 *
 * @returns its absolute path without symbolic links, so that two processes call it by one name
 * @throws EmbeddedPostgresError when it cannot be made or written
 */
export async function prepareDataDirectory(dataDir: string): Promise<string> {
  const path = resolve(dataDir);
  try {
    const created = await mkdir(path, { recursive: true, mode: 0o700 });
    if (created !== undefined) await chmod(path, 0o700);
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
    return await realpath(path);
  } catch (error) {
    throw new EmbeddedPostgresError(`DATA_DIR ${path} cannot be written: ${reasonOf(error)}`);
  }
}

/** A directory as a child process of another account can name it. */
export interface LentDirectory {
  /** The path to give to the child. */
  readonly path: string;
  /** To be handed to the child as descriptor 4. */
  readonly descriptor: number | undefined;
  /** To be called when the child has been started, or has ended. */
  close(): Promise<void>;
}

/**
 * Lends a directory to a child process. Root's data often lies where no other user may enter (`/root`, a `DATA_DIR` of
 * mode 0700); rather than open those directories to others, or keep the data elsewhere, root opens the directory itself
 * and the child enters through the descriptor it inherits, which Linux resolves without looking at what is above.
 *
 * @param account as whom the child runs; undefined for ourselves, to whom the plain path will do
 */
export async function lendDirectory(directory: string, account: Account | undefined): Promise<LentDirectory> {
  if (account === undefined || process.platform !== 'linux') {
    return { path: directory, descriptor: undefined, close: () => Promise.resolve() };
  }
  const handle = await open(directory, 'r');
  return { path: '/proc/self/fd/4', descriptor: handle.fd, close: () => handle.close() };
}

/**
 * Gives a directory and all that is in it to the account.
 *
 * @throws EmbeddedPostgresError when root is not allowed to (a container without CAP_CHOWN)
 */
export async function giveTo(account: Account, directory: string): Promise<void> {
  try {
    await chownTree(account, directory);
  } catch (error) {
    throw new EmbeddedPostgresError(
      `${directory} cannot be given to the user with id ${account.uid} (${reasonOf(error)}): start as an ordinary user`,
    );
  }
}

async function chownTree(account: Account, path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    const child = join(path, entry.name);
    if (entry.isDirectory()) await chownTree(account, child);
    else await lchown(child, account.uid, account.gid);
  }
  await lchown(path, account.uid, account.gid);
}
