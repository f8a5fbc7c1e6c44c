import { Controller, Get, Header, HttpStatus, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Public } from '../access/index.js';
import { Documented } from '../openapi/index.js';
import { getLiveness, getReadiness } from './health.documentation.js';
import { Readiness, type ReadinessReport } from './readiness.js';

/** The probes of whoever runs the server (http-api.md, "Running"). */
@Public()
@Controller('health')
export class HealthController {
  constructor(@Inject(Readiness) private readonly readiness: Readiness) {}

  /** 200 as long as the process answers at all. */
  @Get('live')
  @Header('Cache-Control', 'no-store')
  @Documented(getLiveness)
  live(): { readonly status: 'up' } {
    return { status: 'up' };
  }

  /** 200 when everything that a token needs is there, else 503. */
  @Get('ready')
  @Header('Cache-Control', 'no-store')
  @Documented(getReadiness)
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<ReadinessReport> {
    const report = await this.readiness.report();
    reply.status(report.status === 'up' ? HttpStatus.OK : HttpStatus.SERVICE_UNAVAILABLE);
    return report;
  }
}
