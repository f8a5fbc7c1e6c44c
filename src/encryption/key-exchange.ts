import type { DataSource, EntityManager } from 'typeorm';
import { ConfigurationError, type ConfigurationFault, type KeyConfig } from '../config/index.js';
import { inTransaction, unhurried } from '../database/index.js';
import { DecryptionFailed } from './decryption-failed.js';
import { EnvKeyWrapper } from './env-key-wrapper.js';
import { loadKeyEncryptionKey } from './key-encryption-key.js';
import { createKeyFile, replaceKeyFile } from './key-file.js';
import type { KeyWrapper } from './key-wrapper.js';
import { loadKeyWrappers } from './key-wrappers.js';
import { assertWrappedBy, hasStoredKeys, lockKeyCreation } from './stored-keys.js';
import type { WrappedKeys } from './wrapped-keys.js';

/** One key-encryption key takes the place of another. */
export interface KeyExchange {
  /** `undefined`: everything should be wrapped by `to` already. */
  readonly from: KeyWrapper | undefined;
  readonly to: KeyWrapper;
  /** What to say when `from` is not the one that the stored keys were wrapped by. */
  readonly fault: ConfigurationFault;
  /** To be called when nothing needs `from` any more. */
  complete(): Promise<void>;
}

/**
 * The exchange that the configuration asks for: of `KEY_ENCRYPTION_KEY_PREVIOUS` for `KEY_ENCRYPTION_KEY`; or of the file in
 * the data directory for a new one, which lies beside it until it takes its place.
 *
 * @returns `undefined` when the database holds no keys
 * @throws ConfigurationError when a file cannot be read or written, or is not that of the stored keys
 */
export async function prepareKeyExchange(
  config: KeyConfig,
  dataDir: string,
  dataSource: DataSource,
): Promise<KeyExchange | undefined> {
  if (!(await hasStoredKeys(dataSource.manager))) return undefined;
  const { keyEncryptionKey, previousKeyEncryptionKey: previous } = config;
  if (keyEncryptionKey !== undefined) {
    return {
      from: previous === undefined ? undefined : new EnvKeyWrapper(previous.reveal()),
      to: new EnvKeyWrapper(keyEncryptionKey.reveal()),
      fault: {
        variable: 'KEY_ENCRYPTION_KEY_PREVIOUS',
        message: 'must be the key that the keys in the database are encrypted with; nothing was changed',
      },
      complete: () => Promise.resolve(),
    };
  }
  await assertWrappedBy(dataSource.manager, await loadKeyWrappers(config, dataDir, () => Promise.resolve(true)));
  const current = await loadKeyEncryptionKey(config, dataDir, () => Promise.resolve(true));
  return {
    from: new EnvKeyWrapper(current.reveal()),
    to: new EnvKeyWrapper(await createKeyFile(dataDir, 'key-encryption-key.next')),
    fault: {
      variable: 'KEY_ENCRYPTION_KEY',
      message: 'the file key-encryption-key does not open the keys in the database; nothing was changed',
    },
    complete: () => replaceKeyFile(dataDir),
  };
}

/**
 * Wraps all stored keys by the new key-encryption key, and opens each of them with it as it is stored then: one transaction, so
 * that the old wraps are there until the new ones have proved good, and whatever interrupts it leaves everything as it was.
 * Meanwhile no key is made. Running servers that have both go on.
 *
 * @param done what else belongs to the change; called in the transaction where something changed
 * @returns how many keys were wrapped anew; 0 if all were
 * @throws ConfigurationError when a stored key opens with neither; nothing is changed then
 * @throws DatabaseUnavailable
 */
export async function exchangeKeyEncryptionKey(
  dataSource: DataSource,
  kinds: readonly WrappedKeys[],
  { from, to, fault }: Pick<KeyExchange, 'from' | 'to' | 'fault'>,
  done: (tx: EntityManager, count: number) => Promise<void>,
): Promise<number> {
  try {
    return await inTransaction(
      dataSource,
      async (tx) => {
        await lockKeyCreation(tx);
        let count = 0;
        for (const keys of kinds) count += await keys.rewrap(tx, from, to);
        for (const keys of kinds) await keys.verify(tx, to);
        if (count > 0) await done(tx, count);
        return count;
      },
      unhurried,
    );
  } catch (error) {
    throw error instanceof DecryptionFailed ? new ConfigurationError([fault]) : error;
  }
}
