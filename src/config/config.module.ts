import { type DynamicModule, Global, Module } from '@nestjs/common';
import {
  ApiDocsConfig,
  AuditConfig,
  BootstrapConfig,
  ClientCertificateConfig,
  type Config,
  DatabaseConfig,
  EventConfig,
  KeyConfig,
  QueueConfig,
  ServerConfig,
  TokenConfig,
  TracingConfig,
} from './config.js';

/** Gives each module its slice of the configuration, by class. */
@Global()
@Module({})
export class ConfigModule {
  static forRoot(config: Config): DynamicModule {
    const slices = [
      { provide: ServerConfig, useValue: config.server },
      { provide: ClientCertificateConfig, useValue: config.clientCertificates },
      { provide: DatabaseConfig, useValue: config.database },
      { provide: QueueConfig, useValue: config.queue },
      { provide: KeyConfig, useValue: config.keys },
      { provide: TokenConfig, useValue: config.tokens },
      { provide: BootstrapConfig, useValue: config.bootstrap },
      { provide: EventConfig, useValue: config.events },
      { provide: AuditConfig, useValue: config.audit },
      { provide: TracingConfig, useValue: config.tracing },
      { provide: ApiDocsConfig, useValue: config.apiDocs },
    ];
    return { module: ConfigModule, providers: slices, exports: slices.map(({ provide }) => provide) };
  }
}
