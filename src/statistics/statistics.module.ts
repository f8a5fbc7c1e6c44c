import { Global, Module } from '@nestjs/common';
import { TokensOfDay } from '../limits/index.js';
import { HoardingRepository } from './hoarding.repository.js';
import { LimitedCounts } from './limited-counts.service.js';
import { RefusalCounts } from './refusal-counts.service.js';
import { StatisticsController } from './statistics.controller.js';
import { StatisticsRepository } from './statistics.repository.js';
import { Statistics } from './statistics.service.js';
import { TopClientsRepository } from './top-clients.repository.js';
import { TokenCounts } from './token-counts.service.js';
import { CountedTokensOfDay } from './tokens-of-day.repository.js';

/** What was issued and refused, counted as it happens. */
@Global()
@Module({
  controllers: [StatisticsController],
  providers: [
    HoardingRepository,
    LimitedCounts,
    RefusalCounts,
    Statistics,
    StatisticsRepository,
    TokenCounts,
    TopClientsRepository,
    { provide: TokensOfDay, useClass: CountedTokensOfDay },
  ],
  exports: [LimitedCounts, RefusalCounts, TokensOfDay],
})
export class StatisticsModule {}
