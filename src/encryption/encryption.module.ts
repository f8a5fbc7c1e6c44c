import { Global, Module } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { DatabaseConfig, KeyConfig } from '../config/index.js';
import { DerivedKeys } from './derived-keys.js';
import { EnvKeyWrapper } from './env-key-wrapper.js';
import { loadKeyEncryptionKey } from './key-encryption-key.js';
import { KeyWrapper } from './key-wrapper.js';
import { loadRootKey } from './root-key.js';
import { hasStoredKeys } from './stored-keys.js';

/** Encryption at rest and derived keys, for every module that stores or checks a secret. Needs a migrated database. */
@Global()
@Module({
  providers: [
    {
      provide: KeyWrapper,
      inject: [KeyConfig, DatabaseConfig, DataSource],
      useFactory: async (keys: KeyConfig, { dataDir }: DatabaseConfig, dataSource: DataSource): Promise<KeyWrapper> => {
        const key = await loadKeyEncryptionKey(keys, dataDir, () => hasStoredKeys(dataSource.manager));
        return new EnvKeyWrapper(key.reveal());
      },
    },
    {
      provide: DerivedKeys,
      inject: [DataSource, KeyWrapper],
      useFactory: async (dataSource: DataSource, wrapper: KeyWrapper): Promise<DerivedKeys> => {
        const rootKey = await loadRootKey(dataSource, wrapper);
        const derivedKeys = new DerivedKeys(rootKey);
        rootKey.fill(0);
        return derivedKeys;
      },
    },
  ],
  exports: [KeyWrapper, DerivedKeys],
})
export class EncryptionModule {}
