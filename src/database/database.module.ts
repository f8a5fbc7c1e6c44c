import { type DynamicModule, Global, Module } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Batches } from './batch-measures.js';
import { DatabaseTime } from './database-time.js';
import { PoolMeasures } from './pool-measures.js';
import { Postgres } from './postgres.js';

/** Makes the two ways to PostgreSQL available everywhere. Whoever opened them closes them, after the application. */
@Global()
@Module({})
export class DatabaseModule {
  /** @param dataSource connected and migrated */
  static forRoot(dataSource: DataSource, postgres: Postgres): DynamicModule {
    return {
      module: DatabaseModule,
      providers: [
        { provide: DataSource, useValue: dataSource },
        { provide: Postgres, useValue: postgres },
        Batches,
        DatabaseTime,
        PoolMeasures,
      ],
      exports: [Batches, DataSource, Postgres],
    };
  }
}
