import { randomBytes } from 'node:crypto';
import { type DynamicModule, Global, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { DataSource } from 'typeorm';
import { Audit, AuditChain, AuditLogEntity } from '../../src/audit/index.js';
import { Clock, SystemClock } from '../../src/clock/index.js';
import { DatabaseConfig, KeyConfig, Secret, ServerConfig } from '../../src/config/index.js';
import { createDataSource, DatabaseModule, ensurePartitions, migrate, Postgres } from '../../src/database/index.js';
import { DataKeyEntity, DerivedKeys, EncryptionModule } from '../../src/encryption/index.js';
import { AllowedMethods, FastLane, HttpModule, PreparedDocuments } from '../../src/http/index.js';
import { KeyAutopilot, KeyRing, type SigningAlg, SigningKeyEntity, KeysModule } from '../../src/keys/index.js';
import { KeyVault } from '../../src/keys/key-vault.js';
import { KeysService } from '../../src/keys/keys.service.js';
import { Measurements, MeasurementsModule } from '../../src/measurements/index.js';
import { OutboxModule } from '../../src/outbox/index.js';
import { type ScheduledJob, ScheduledJobs } from '../../src/queue/index.js';
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
  readonly autopilot: KeyAutopilot;
  readonly keys: KeysService;
  readonly vault: KeyVault;
  /** What it has the scheduler run. */
  readonly jobs: readonly ScheduledJob[];
  readonly derivedKeys: DerivedKeys;
  close(): Promise<void>;
}

/** How one process starts. */
export interface KeyServerOptions {
  readonly kek: Buffer;
  readonly previousKek?: Buffer;
  readonly signingAlg?: SigningAlg;
  readonly rotationDays?: number;
  readonly postgres?: Postgres;
}

@Global()
@Module({})
class SurroundingsModule {
  static with(keys: KeyConfig, jobs: ScheduledJob[]): DynamicModule {
    const server = { issuer: 'https://as.example' };
    const database: DatabaseConfig = { url: undefined, dataDir: '/nowhere' };
    return {
      module: SurroundingsModule,
      providers: [
        Audit,
        AuditChain,
        { provide: Clock, useClass: SystemClock },
        { provide: KeyConfig, useValue: keys },
        { provide: DatabaseConfig, useValue: database },
        { provide: ServerConfig, useValue: server },
        // BullMQ is not what is tested here: what it would run is run by the test.
        { provide: ScheduledJobs, useValue: { register: (job: ScheduledJob) => jobs.push(job) } },
      ],
      exports: [Audit, Clock, KeyConfig, DatabaseConfig, ServerConfig, ScheduledJobs],
    };
  }
}

/** The keys and every module that they stand on. */
function keyModules(
  options: KeyServerOptions,
  dataSource: DataSource,
  postgres: Postgres,
  jobs: ScheduledJob[],
): DynamicModule[] {
  const { kek, previousKek, signingAlg = 'RS256', rotationDays = 90 } = options;
  const previousKeyEncryptionKey = previousKek === undefined ? undefined : new Secret(previousKek);
  return [
    SurroundingsModule.with(
      { keyEncryptionKey: new Secret(kek), previousKeyEncryptionKey, signingAlg, rotationDays },
      jobs,
    ),
    HttpModule.forRoot({
      allowedMethods: new AllowedMethods(),
      preparedDocuments: new PreparedDocuments(),
      fastLane: new FastLane(),
    }),
    MeasurementsModule.forRoot(new Measurements()),
    DatabaseModule.forRoot(dataSource, postgres),
    { module: EncryptionModule },
    { module: OutboxModule },
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

  /** Ends the connections to a database that call themselves `application`. */
  async disconnect(url: string, application: string): Promise<void> {
    const dataSource = await createDataSource(url).initialize();
    await dataSource.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = $1 AND pid <> pg_backend_pid()`,
      [application],
    );
    await dataSource.destroy();
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
    const jobs: ScheduledJob[] = [];
    const imports = keyModules(options, dataSource, postgres, jobs);
    const module = await Test.createTestingModule({ imports }).compile();
    await module.init();
    const keyRing = module.get(KeyRing);
    const autopilot = module.get(KeyAutopilot);
    const keys = module.get(KeysService);
    const vault = module.get(KeyVault);
    const close = async () => {
      await module.close();
      await Promise.all([postgres.close(), dataSource.destroy()]);
    };
    return { dataSource, keyRing, autopilot, keys, vault, jobs, derivedKeys: module.get(DerivedKeys), close };
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
