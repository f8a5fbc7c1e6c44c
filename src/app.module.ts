import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import type { DataSource } from 'typeorm';
import { AccessGuard, AccessModule } from './access/index.js';
import {
  AuditChainEntity,
  AuditChainHeadEntity,
  AuditLogEntity,
  AuditModule,
  TokenBatchEntity,
} from './audit/index.js';
import { AuditLogModule } from './audit-log/index.js';
import { BindingModule } from './binding/index.js';
import { BootstrapEntity, ClientEntity, ClientSecretEntity, ClientsModule } from './clients/index.js';
import { ClockModule } from './clock/index.js';
import { type Config, ConfigModule } from './config/index.js';
import { DatabaseModule, type Postgres } from './database/index.js';
import { EgressModule } from './egress/index.js';
import { DataKeyEntity, EncryptionModule } from './encryption/index.js';
import {
  DeadLetterEntity,
  DeliveryAttemptEntity,
  DeliveryEntity,
  EventTypeEntity,
  SubscriptionEntity,
  SubscriptionHealthEntity,
  SubscriptionRegistryEntity,
  SubscriptionSecretEntity,
  EventsModule,
} from './events/index.js';
import { HealthModule, SigningKeyStatus } from './health/index.js';
import { ErrorFilter, HttpModule, type HttpParts, Refusals } from './http/index.js';
import { KeyRing, KeysModule, SigningKeyEntity } from './keys/index.js';
import { SharedLimitsModule } from './limits/index.js';
import { type Measurements, MeasurementsModule } from './measurements/index.js';
import { MetricsModule } from './metrics/index.js';
import { OpenApiModule } from './openapi/index.js';
import { EventEntity, OutboxModule } from './outbox/index.js';
import { QueueModule } from './queue/index.js';
import { ReplayModule, SingleUseEntity } from './replay/index.js';
import { ScopeEntity, ScopesModule } from './scopes/index.js';
import {
  ClientTokenCountEntity,
  ClientTokenDayEntity,
  ClientTokenHourEntity,
  ClientTokenMinuteEntity,
  CoalescedRequestHourEntity,
  CountedRefusals,
  LimitedRequestHourEntity,
  RefusedRequestHourEntity,
  StatisticsModule,
  TokenCountEntity,
  TokenFoldEntity,
  TokenHourEntity,
  TokenMinuteEntity,
} from './statistics/index.js';
import { StateChangeEntity, StateFeedEntity, StateResourceEntity, StateTypeEntity, SyncModule } from './sync/index.js';
import {
  AccessTokenEntity,
  RefreshFamilyEntity,
  RefreshFamilyTokenEntity,
  RefreshTokenEntity,
  TokenModule,
} from './token/index.js';

/** Every entity; the data source needs them all. */
export const entities = [
  AccessTokenEntity,
  AuditChainEntity,
  AuditChainHeadEntity,
  AuditLogEntity,
  BootstrapEntity,
  ClientEntity,
  ClientSecretEntity,
  ClientTokenCountEntity,
  ClientTokenDayEntity,
  ClientTokenHourEntity,
  ClientTokenMinuteEntity,
  CoalescedRequestHourEntity,
  DataKeyEntity,
  DeadLetterEntity,
  DeliveryAttemptEntity,
  DeliveryEntity,
  EventEntity,
  EventTypeEntity,
  LimitedRequestHourEntity,
  RefreshFamilyEntity,
  RefreshFamilyTokenEntity,
  RefreshTokenEntity,
  RefusedRequestHourEntity,
  ScopeEntity,
  SigningKeyEntity,
  SingleUseEntity,
  StateChangeEntity,
  StateFeedEntity,
  StateResourceEntity,
  StateTypeEntity,
  SubscriptionEntity,
  SubscriptionHealthEntity,
  SubscriptionRegistryEntity,
  SubscriptionSecretEntity,
  TokenBatchEntity,
  TokenCountEntity,
  TokenFoldEntity,
  TokenHourEntity,
  TokenMinuteEntity,
];

/** What exists before Nest does. */
export interface AppParts {
  readonly config: Config;
  readonly measurements: Measurements;
  /** Connected and migrated. */
  readonly dataSource: DataSource;
  readonly postgres: Postgres;
  readonly postgresUrl: string;
  /** Prefix of the queues' keys; servers that share a Redis and nothing else need different ones. */
  readonly queuePrefix: string;
  /** Resolves when this process, one of several of one start, is to run the scheduled jobs; absent: at once. */
  readonly scheduledJobsTurn?: Promise<void> | undefined;
  readonly http: HttpParts;
}

/** What features use. */
const shared = [EncryptionModule, AuditModule, OutboxModule, ReplayModule, EgressModule, BindingModule];

/** What the server does. */
const features = [
  KeysModule,
  ScopesModule,
  ClientsModule,
  TokenModule,
  EventsModule,
  SyncModule,
  AuditLogModule,
  StatisticsModule,
  MetricsModule,
  OpenApiModule,
];

/** The one file that knows every module, and binds the ports of each to who provides them. */
@Module({})
export class AppModule {
  static forRoot(parts: AppParts): DynamicModule {
    const { config } = parts;
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot(config),
        ClockModule,
        MeasurementsModule.forRoot(parts.measurements),
        HttpModule.forRoot(parts.http),
        DatabaseModule.forRoot(parts.dataSource, parts.postgres),
        QueueModule.forRoot({
          postgresUrl: parts.postgresUrl,
          redisUrl: config.queue.redisUrl?.reveal(),
          prefix: parts.queuePrefix,
          scheduledJobsTurn: parts.scheduledJobsTurn,
        }),
        SharedLimitsModule.forRoot({ redisUrl: config.queue.redisUrl?.reveal(), prefix: parts.queuePrefix }),
        ...shared,
        ...features,
        { module: AccessModule, imports: [KeysModule, TokenModule] },
        {
          module: HealthModule,
          imports: [KeysModule],
          providers: [
            {
              provide: SigningKeyStatus,
              inject: [KeyRing],
              useFactory: (ring: KeyRing) => ({ ready: () => ring.ready }),
            },
          ],
        },
      ],
      providers: [
        { provide: Refusals, useClass: CountedRefusals },
        { provide: APP_FILTER, useClass: ErrorFilter },
        { provide: APP_GUARD, useClass: AccessGuard },
      ],
    };
  }
}
