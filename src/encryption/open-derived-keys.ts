import type { DataSource } from 'typeorm';
import type { KeyConfig } from '../config/index.js';
import { DerivedKeys } from './derived-keys.js';
import { type KeyWrappers, loadKeyWrappers } from './key-wrappers.js';
import { loadRootKey } from './root-key.js';
import { hasStoredKeys } from './stored-keys.js';

/**
 * The derived keys of the database, for a command that runs beside the servers.
 *
 * @throws ConfigurationError when the stored root key does not open with the configured key-encryption key
 * @throws DatabaseUnavailable
 */
export async function openDerivedKeys(
  config: KeyConfig,
  dataDir: string,
  dataSource: DataSource,
): Promise<DerivedKeys> {
  return deriveFrom(dataSource, await loadKeyWrappers(config, dataDir, () => hasStoredKeys(dataSource.manager)));
}

/** The derived keys under the root key that `wrappers` open; a database that has no root key yet gets one. */
export async function deriveFrom(dataSource: DataSource, wrappers: KeyWrappers): Promise<DerivedKeys> {
  const rootKey = await loadRootKey(dataSource, wrappers);
  const derivedKeys = new DerivedKeys(rootKey);
  rootKey.fill(0);
  return derivedKeys;
}
