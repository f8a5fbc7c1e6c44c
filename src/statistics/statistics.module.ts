import { Global, Module } from '@nestjs/common';
import { RefusalCounts } from './refusal-counts.service.js';
import { StatisticsController } from './statistics.controller.js';
import { StatisticsRepository } from './statistics.repository.js';
import { Statistics } from './statistics.service.js';
import { TokenCounts } from './token-counts.service.js';

/** What was issued and refused, counted as it happens. */
@Global()
@Module({
  controllers: [StatisticsController],
  providers: [RefusalCounts, Statistics, StatisticsRepository, TokenCounts],
  exports: [RefusalCounts],
})
export class StatisticsModule {}
