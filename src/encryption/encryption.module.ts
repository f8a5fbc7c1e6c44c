import { Global, Module } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { DatabaseConfig, KeyConfig } from '../config/index.js';
import { DerivedKeys } from './derived-keys.js';
import { KeyWrappers, loadKeyWrappers } from './key-wrappers.js';
import { deriveFrom } from './open-derived-keys.js';
import { hasStoredKeys } from './stored-keys.js';

/** Encryption at rest and derived keys, for every module that stores or checks a secret. Needs a migrated database. */
@Global()
@Module({
  providers: [
    {
      provide: KeyWrappers,
      inject: [KeyConfig, DatabaseConfig, DataSource],
      useFactory: (keys: KeyConfig, { dataDir }: DatabaseConfig, dataSource: DataSource): Promise<KeyWrappers> =>
        loadKeyWrappers(keys, dataDir, () => hasStoredKeys(dataSource.manager)),
    },
    {
      provide: DerivedKeys,
      inject: [DataSource, KeyWrappers],
      useFactory: deriveFrom,
    },
  ],
  exports: [KeyWrappers, DerivedKeys],
})
export class EncryptionModule {}
