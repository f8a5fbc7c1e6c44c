import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** What `bootstrap-client.json` holds. */
export interface BootstrapCredentials {
  readonly client_id: string;
  readonly client_secret: string;
}

/**
 * Writes the credentials to `bootstrap-client.json` in `dataDir`, readable by the owner only, and on disk when the promise
 * resolves. Nobody ever sees half a file.
 *
 * @returns its path
 */
export async function writeCredentialsFile(dataDir: string, credentials: BootstrapCredentials): Promise<string> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const path = join(dataDir, 'bootstrap-client.json');
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
