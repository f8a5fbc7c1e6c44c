import { type DynamicModule, Global, Module } from '@nestjs/common';
import { Clock } from '../clock/index.js';
import { DayQuotas } from './day-quotas.js';
import { LimitSharing } from './limit-sharing.js';
import { Limits } from './limits.service.js';
import { RedisLimitStore } from './redis-limit-store.js';

/** Where the limits of several processes meet. */
export interface SharedLimits {
  /** `undefined`: each process counts for itself. */
  readonly redisUrl: string | undefined;
  /** Prefix of every key. */
  readonly prefix: string;
}

/** Shares the limits of this process with those of others. */
@Global()
@Module({})
export class SharedLimitsModule {
  static forRoot({ redisUrl, prefix }: SharedLimits): DynamicModule {
    return {
      module: SharedLimitsModule,
      providers: [
        {
          provide: LimitSharing,
          inject: [Clock],
          useFactory: (clock: Clock) =>
            new LimitSharing(redisUrl === undefined ? undefined : new RedisLimitStore(redisUrl, prefix), clock),
        },
      ],
      exports: [LimitSharing],
    };
  }
}

/** Failure budgets and request quotas. */
@Module({ providers: [DayQuotas, Limits], exports: [Limits] })
export class LimitsModule {}
