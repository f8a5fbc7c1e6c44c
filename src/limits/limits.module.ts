import { Module } from '@nestjs/common';
import { Limits } from './limits.service.js';

/** Failure budgets and request quotas. */
@Module({ providers: [Limits], exports: [Limits] })
export class LimitsModule {}
