import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, link, mkdir, open, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigurationError } from '../config/index.js';
import { wrongKeyEncryptionKey } from './wrong-key-encryption-key.js';

/** The file of the key-encryption key in the data directory, and of the one that takes its place. */
export type KeyFileName = 'key-encryption-key' | 'key-encryption-key.next';

const base64Key = /^[A-Za-z0-9+/]{43}=\n?$/;

/**
 * The key in a file of the data directory; `undefined` if there is no such file.
 *
 * @returns 32 bytes
 * @throws ConfigurationError on `KEY_ENCRYPTION_KEY` for a file that others may read or that holds no key
 */
export async function readKeyFile(dataDir: string, name: KeyFileName): Promise<Buffer | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(join(dataDir, name), constants.O_RDONLY | constants.O_NOFOLLOW);
    const stats = await file.stat();
    if (!stats.isFile() || (stats.mode & 0o077) !== 0) {
      throw wrongKeyEncryptionKey(`the file ${name} in the data directory must be a plain file with mode 0600`);
    }
    const text = stats.size > 64 ? '' : await file.readFile('latin1');
    if (!base64Key.test(text)) {
      throw wrongKeyEncryptionKey(`the file ${name} in the data directory does not hold 32 bytes in base64`);
    }
    return Buffer.from(text, 'base64');
  } catch (error) {
    if (error instanceof ConfigurationError) throw error;
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return undefined;
    throw wrongKeyEncryptionKey(`the file ${name} in the data directory cannot be read`);
  } finally {
    await file?.close();
  }
}

/**
 * Makes a random key in a file of the data directory (base64, mode 0600). Where there is one it stays: who makes it at the same
 * moment gets the same key.
 *
 * @param dataDir made if missing
 * @returns 32 bytes
 * @throws ConfigurationError on `DATA_DIR` when it cannot be written, on `KEY_ENCRYPTION_KEY` as {@link readKeyFile}
 */
export async function createKeyFile(dataDir: string, name: KeyFileName): Promise<Buffer> {
  const draft = join(dataDir, `${name}.${process.pid}.${randomBytes(4).toString('hex')}`);
  try {
    await mkdir(dataDir, { recursive: true });
    await writeDurably(draft, `${randomBytes(32).toString('base64')}\n`);
    await publishOnce(draft, join(dataDir, name));
    await syncDirectory(dataDir);
  } catch {
    throw unwritable(name);
  }
  const key = await readKeyFile(dataDir, name);
  if (key === undefined) throw wrongKeyEncryptionKey(`the file ${name} in the data directory vanished`);
  return key;
}

/**
 * Puts the next key in the place of the key, in one step; the old one is gone.
 *
 * @throws ConfigurationError on `DATA_DIR` when it cannot be written
 */
export async function replaceKeyFile(dataDir: string): Promise<void> {
  try {
    await rename(join(dataDir, 'key-encryption-key.next'), join(dataDir, 'key-encryption-key'));
    await syncDirectory(dataDir);
  } catch (error) {
    // Somebody who did the same at the same moment was quicker.
    if (!hasCode(error, 'ENOENT')) throw unwritable('key-encryption-key');
  }
}

function unwritable(name: KeyFileName): ConfigurationError {
  return new ConfigurationError([{ variable: 'DATA_DIR', message: `the file ${name} cannot be written there` }]);
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
