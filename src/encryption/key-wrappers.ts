import type { KeyConfig } from '../config/index.js';
import { EnvKeyWrapper } from './env-key-wrapper.js';
import { loadKeyEncryptionKey } from './key-encryption-key.js';
import { readKeyFile } from './key-file.js';
import type { KeyWrapper } from './key-wrapper.js';

/**
 * The key-encryption keys that this process has: one, or two while one takes the place of the other. Which of them wraps a
 * new key the database says: the one that wraps the root key.
 */
export class KeyWrappers {
  private known: readonly KeyWrapper[];

  /**
   * @param preferred wraps the first keys of a new database
   * @param others open what they have wrapped
   * @param lookAgain the keys that this process could have by now
   */
  constructor(
    readonly preferred: KeyWrapper,
    others: readonly KeyWrapper[] = [],
    private readonly lookAgain?: () => Promise<readonly KeyWrapper[]>,
  ) {
    this.known = [preferred, ...others];
  }

  /** The key-encryption key named `kekId`; `undefined` if this process does not have it. */
  async find(kekId: string): Promise<KeyWrapper | undefined> {
    const found = this.known.find((wrapper) => wrapper.kekId === kekId);
    if (found !== undefined || this.lookAgain === undefined) return found;
    this.known = [this.preferred, ...(await this.lookAgain())];
    return this.known.find((wrapper) => wrapper.kekId === kekId);
  }
}

/**
 * The key-encryption keys as the configuration has them; without one, those of the data directory.
 *
 * @throws ConfigurationError as {@link loadKeyEncryptionKey}
 */
export async function loadKeyWrappers(
  config: KeyConfig,
  dataDir: string,
  isInUse: () => Promise<boolean>,
): Promise<KeyWrappers> {
  const key = new EnvKeyWrapper((await loadKeyEncryptionKey(config, dataDir, isInUse)).reveal());
  if (config.keyEncryptionKey === undefined) return new KeyWrappers(key, [], () => localKeys(dataDir));
  const previous = config.previousKeyEncryptionKey;
  return new KeyWrappers(key, previous === undefined ? [] : [new EnvKeyWrapper(previous.reveal())]);
}

/** Those in the data directory now: an exchange may have happened beside a running server. */
async function localKeys(dataDir: string): Promise<KeyWrapper[]> {
  const keys = [
    await readKeyFile(dataDir, 'key-encryption-key'),
    await readKeyFile(dataDir, 'key-encryption-key.next'),
  ];
  return keys.flatMap((key) => (key === undefined ? [] : [new EnvKeyWrapper(key)]));
}
