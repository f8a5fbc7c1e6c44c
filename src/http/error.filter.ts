import { type ArgumentsHost, Catch, type ExceptionFilter, Inject } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { errorResponse } from './error-response.js';
import { publicFault } from './fault.js';
import { logFault } from './fault-log.js';
import { Refusals } from './refusals.js';
import { pathOf } from './request-path.js';

/** The one place that writes errors: it alone knows how they look on the wire. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(@Inject(Refusals) private readonly refusals: Refusals) {}

  async catch(exception: unknown, host: ArgumentsHost): Promise<void> {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    let fault = publicFault(exception);
    try {
      await this.refusals.record(request, fault);
    } catch (error) {
      fault = publicFault(error);
    }
    logFault(fault, request.id);
    const { status, headers, body } = errorResponse(fault, request.routeOptions.url ?? pathOf(request));
    if (reply.sent) return;
    await reply.code(status).headers(headers).send(body);
  }
}
