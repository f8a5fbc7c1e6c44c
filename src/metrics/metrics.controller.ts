import { Controller, Get, Header, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { RequireScopeUnlessLoopback } from '../access/index.js';
import { Documented } from '../openapi/index.js';
import { MetricsExposition } from './metrics-exposition.js';
import { getMetrics } from './metrics.documentation.js';

/** What Prometheus scrapes (http-api.md, "Running"). */
@RequireScopeUnlessLoopback('admin:system')
@Controller('metrics')
export class MetricsController {
  constructor(@Inject(MetricsExposition) private readonly exposition: MetricsExposition) {}

  @Get()
  @Header('Cache-Control', 'no-store')
  @Documented(getMetrics)
  async metrics(@Res() reply: FastifyReply): Promise<void> {
    const { contentType, text } = await this.exposition.now();
    await reply.header('content-type', contentType).send(text);
  }
}
