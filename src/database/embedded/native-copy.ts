import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';

import { systemErrorCode } from './embedded-postgres-error.js';

interface LibraryLink {
  readonly source: string;
  readonly target: string;
}

/**
 * Makes the symbolic links that the package's install script would have made (`libicuuc.so.60` → `libicuuc.so.60.2`);
 * npm leaves them out under `ignore-scripts`, and without them no binary starts.
 *
 * @param native the directory `native` of the package, or a copy of it
 * @throws the system error when the links are missing and the directory cannot be written
 */
export async function linkLibraries(native: string): Promise<void> {
  for (const { source, target } of await readLinks(native)) {
    const link = join(native, relative('native', target));
    if (await exists(link)) continue;
    try {
      await symlink(basename(source), link);
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST') throw error;
    }
  }
}

async function readLinks(native: string): Promise<readonly LibraryLink[]> {
  try {
    return JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as LibraryLink[];
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

/**
 * Copies the binaries (60 MB) so that everybody may run them, whatever the modes of the original. The copy appears under
 * its name only when it is whole, so a crash in the middle or a second process at the same work does no harm.
 *
 * @param native the directory to copy
 * @param copy where it goes; an existing one is kept
 * @throws the system error when the place cannot be written
 */
export async function copyNative(native: string, copy: string): Promise<void> {
  if (await exists(copy)) return;
  await mkdir(dirname(copy), { recursive: true, mode: 0o755 });
  // The umask may have taken away what mkdir was asked for.
  await chmod(dirname(copy), 0o755);
  const staging = `${copy}.${randomBytes(6).toString('hex')}`;
  try {
    await copyTree(native, staging);
    await linkLibraries(staging);
    await rename(staging, copy);
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    if (!(await exists(copy))) throw error;
  }
}

async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to);
  await chmod(to, 0o755);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await copyTree(source, target);
    else if (entry.isFile()) {
      await copyFile(source, target, constants.COPYFILE_FICLONE);
      await chmod(target, ((await stat(source)).mode & 0o100) === 0 ? 0o644 : 0o755);
    }
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
