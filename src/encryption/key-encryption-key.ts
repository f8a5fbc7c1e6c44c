import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, mkdir, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigurationError, type KeyConfig, Secret } from '../config/index.js';
import { wrongKeyEncryptionKey } from './stored-keys.js';

const fileName = 'key-encryption-key';
const base64Key = /^[A-Za-z0-9+/]{43}=\n?$/;

/**
 * The key-encryption key: the configured one, or with the embedded database the one of the data directory, made at the first
 * start (base64, mode 0600). Processes that start at once agree on one.
 *
 * @param dataDir absolute path of the data directory; made if missing
 * @param isInUse whether the database holds keys already: then a missing file is a lost one, and no other is made
 * @returns 32 bytes
 * @throws ConfigurationError on `KEY_ENCRYPTION_KEY` for a file that others may read or that holds no key, on `DATA_DIR` when
 *   it cannot be written
 */
export async function loadKeyEncryptionKey(
  config: KeyConfig,
  dataDir: string,
  isInUse: () => Promise<boolean>,
): Promise<Secret<Buffer>> {
  if (config.keyEncryptionKey !== undefined) return config.keyEncryptionKey;
  const path = join(dataDir, fileName);
  const stored = await readKeyFile(path);
  if (stored !== undefined) return new Secret(stored);
  // Somebody who starts at the same moment may have made the file, and then the keys, since we looked for it.
  if ((await isInUse()) && (await readKeyFile(path)) === undefined) {
    throw wrongKeyEncryptionKey(
      `the database holds keys, but the file ${fileName} that opens them is missing in DATA_DIR`,
    );
  }
  return new Secret(await createKeyFile(dataDir, path));
}

async function createKeyFile(dataDir: string, path: string): Promise<Buffer> {
  const draft = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    await mkdir(dataDir, { recursive: true });
    await writeDurably(draft, `${randomBytes(32).toString('base64')}\n`);
    await publishOnce(draft, path);
    await syncDirectory(dataDir);
  } catch {
    throw new ConfigurationError([{ variable: 'DATA_DIR', message: `the file ${fileName} cannot be written there` }]);
  }
  const key = await readKeyFile(path);
  if (key === undefined) throw wrongKeyEncryptionKey(`the file ${fileName} in the data directory vanished`);
  return key;
}

async function readKeyFile(path: string): Promise<Buffer | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    const stats = await file.stat();
    if (!stats.isFile() || (stats.mode & 0o077) !== 0) {
      throw wrongKeyEncryptionKey(`the file ${fileName} in the data directory must be a plain file with mode 0600`);
    }
    const text = stats.size > 64 ? '' : await file.readFile('latin1');
    if (!base64Key.test(text)) {
      throw wrongKeyEncryptionKey(`the file ${fileName} in the data directory does not hold 32 bytes in base64`);
    }
    return Buffer.from(text, 'base64');
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return undefined;
    throw wrongKeyEncryptionKey(`the file ${fileName} in the data directory cannot be read`);
  } finally {
    await file?.close();
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A link appears whole or not at all, and only where there is none: nobody reads a half-written key, the first one stays. */
async function publishOnce(draft: string, path: string): Promise<void> {
  try {
    await link(draft, path);
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error;
  } finally {
    await unlink(draft);
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function hasCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}
