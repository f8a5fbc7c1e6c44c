import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** What `bootstrap-client.json` holds. */
export interface BootstrapCredentials {
  readonly client_id: string;
  readonly client_secret: string;
}

const fileName = 'bootstrap-client.json';

/**
 * What {@link writeCredentialsFile} has written, and where; `undefined`: there is no such file, or somebody has put something else
 * in its place.
 */
export async function readCredentialsFile(
  dataDir: string,
): Promise<{ readonly path: string; readonly credentials: BootstrapCredentials } | undefined> {
  const path = join(dataDir, fileName);
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof value !== 'object' || value === null) return undefined;
    const { client_id, client_secret } = value as Readonly<Record<string, unknown>>;
    if (typeof client_id !== 'string' || typeof client_secret !== 'string') return undefined;
    return { path, credentials: { client_id, client_secret } };
  } catch {
    return undefined;
  }
}

/**
 * Writes the credentials to `bootstrap-client.json` in `dataDir`, readable by the owner only, and on disk when the promise
 * resolves. Nobody ever sees half a file.
 *
 * @returns its path
 */
export async function writeCredentialsFile(dataDir: string, credentials: BootstrapCredentials): Promise<string> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const path = join(dataDir, fileName);
  const draft = `${path}.${randomUUID()}`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(credentials, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  return path;
}
