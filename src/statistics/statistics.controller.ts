import { Controller, Get, Inject, Query as QueryOf } from '@nestjs/common';
import { RequireScope } from '../access/index.js';
import type { Query } from '../http/index.js';
import { Documented } from '../openapi/index.js';
import { readStatistics } from './statistics.documentation.js';
import { Statistics, type StatisticsAnswer } from './statistics.service.js';

/** `/admin/oauth/statistics` (http-api.md "Admin"). */
@Controller('admin/oauth/statistics')
@RequireScope('admin:oauth')
export class StatisticsController {
  constructor(@Inject(Statistics) private readonly statistics: Statistics) {}

  @Get()
  @Documented(readStatistics)
  read(@QueryOf() query: Query): Promise<StatisticsAnswer> {
    return this.statistics.read(query);
  }
}
