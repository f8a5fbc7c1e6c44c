import { type KeyConfig, Secret } from '../config/index.js';
import { createKeyFile, readKeyFile } from './key-file.js';
import { wrongKeyEncryptionKey } from './wrong-key-encryption-key.js';

const fileName = 'key-encryption-key';

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
  const stored = await readKeyFile(dataDir, fileName);
  if (stored !== undefined) return new Secret(stored);
  // Somebody who starts at the same moment may have made the file, and then the keys, since we looked for it.
  if ((await isInUse()) && (await readKeyFile(dataDir, fileName)) === undefined) {
    throw wrongKeyEncryptionKey(
      `the database holds keys, but the file ${fileName} that opens them is missing in DATA_DIR`,
    );
  }
  return new Secret(await createKeyFile(dataDir, fileName));
}
