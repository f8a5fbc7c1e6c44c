import { randomBytes } from 'node:crypto';
import { type DynamicModule, Global, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { DataSource } from 'typeorm';
import { Audit, AuditLogEntity } from '../../src/audit/index.js';
import { Clock, SystemClock } from '../../src/clock/index.js';
import { DatabaseConfig, KeyConfig, Secret } from '../../src/config/index.js';
import { createDataSource, DatabaseModule, ensurePartitions, migrate, Postgres } from '../../src/database/index.js';
import { DataKeyEntity, DerivedKeys, EncryptionModule } from '../../src/encryption/index.js';
import { AllowedMethods, FastLane, HttpModule, PreparedDocuments } from '../../src/http/index.js';
import { KeyRing, type SigningAlg, SigningKeyEntity, KeysModule } from '../../src/keys/index.js';
import {
  createDatabase,
  createTestDatabase,
  databaseUrl,
  dropDatabase,
  type TestDatabase,
} from '../support/postgres.js';

/** The keys of one server process, on a database that it may share with others. */
export interface KeyServer {
  readonly dataSource: DataSource;
  readonly keyRing: KeyRing;
  readonly derivedKeys: DerivedKeys;
  close(): Promise<void>;
}

/** How one process starts. */
export interface KeyServerOptions {
  readonly kek: Buffer;
  readonly signingAlg?: SigningAlg;
  readonly postgres?: Postgres;
}

@Global()
@Module({})
class SurroundingsModule {
  static with(keys: KeyConfig): DynamicModule {
    const database: DatabaseConfig = { url: undefined, dataDir: '/nowhere' };
    return {
      module: SurroundingsModule,
      providers: [
        Audit,
        { provide: Clock, useClass: SystemClock },
        { provide: KeyConfig, useValue: keys },
        { provide: DatabaseConfig, useValue: database },
      ],
      exports: [Audit, Clock, KeyConfig, DatabaseConfig],
    };
  }
}

/** The keys and every module that they stand on. */
function keyModules(options: KeyServerOptions, dataSource: DataSource, postgres: Postgres): DynamicModule[] {
  const { kek, signingAlg = 'RS256' } = options;
  return [
    SurroundingsModule.with({ keyEncryptionKey: new Secret(kek), signingAlg, rotationDays: 90 }),
    HttpModule.forRoot({
      allowedMethods: new AllowedMethods(),
      preparedDocuments: new PreparedDocuments(),
      fastLane: new FastLane(),
    }),
    DatabaseModule.forRoot(dataSource, postgres),
    { module: EncryptionModule },
    { module: KeysModule },
  ];
}

/** Migrated databases, copied from one template. */
export class KeyDatabases {
  private readonly template = `keys_${process.pid}_${randomBytes(4).toString('hex')}`;
  private readonly databases: TestDatabase[] = [];

  async prepare(): Promise<void> {
    await createDatabase(this.template);
    const dataSource = await createDataSource(databaseUrl(this.template)).initialize();
    await migrate(dataSource);
    await ensurePartitions(dataSource, 'audit_log', 'month', new Date(), 1);
    await dataSource.destroy();
  }

  async create(): Promise<string> {
    const database = await createTestDatabase(this.template);
    this.databases.push(database);
    return database.url;
  }

  async dropAll(): Promise<void> {
    await Promise.all(this.databases.map((database) => database.drop()));
    await dropDatabase(this.template);
  }
}

/** Connects to `url`, with the entities of the keys. */
export function connect(url: string): Promise<DataSource> {
  return createDataSource(url, [DataKeyEntity, SigningKeyEntity, AuditLogEntity]).initialize();
}

/** A pool for the hot path on `url`. */
function openPostgres(url: string): Postgres {
  return new Postgres(url, { max: 2, onError: () => undefined });
}

/** Starts the keys as the server does. */
export async function startKeys(url: string, options: KeyServerOptions): Promise<KeyServer> {
  const dataSource = await connect(url);
  const postgres = options.postgres ?? openPostgres(url);
  try {
    const module = await Test.createTestingModule({ imports: keyModules(options, dataSource, postgres) }).compile();
    await module.init();
    const keyRing = module.get(KeyRing);
    const close = async () => {
      await module.close();
      await Promise.all([postgres.close(), dataSource.destroy()]);
    };
    return { dataSource, keyRing, derivedKeys: module.get(DerivedKeys), close };
  } catch (error) {
    await Promise.all([postgres.close(), dataSource.destroy()]);
    throw error;
  }
}

/** Everything that the key tables hold, to be compared. */
export async function keyTables(url: string): Promise<unknown> {
  const dataSource = await connect(url);
  try {
    return {
      dataKeys: await dataSource.query<unknown[]>('SELECT * FROM data_keys ORDER BY purpose'),
      signingKeys: await dataSource.query<unknown[]>('SELECT * FROM signing_keys ORDER BY kid'),
      entries: await dataSource.query<unknown[]>('SELECT id, action FROM audit_log ORDER BY id'),
    };
  } finally {
    await dataSource.destroy();
  }
}

/** Resolves once `condition` holds. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}
