import { type ArgumentsHost, Catch, type ExceptionFilter, Inject, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { methodNotAllowed, type OAuthError, type Problem } from '../protocol/index.js';
import { AllowedMethods } from './allowed-methods.js';
import { errorResponse } from './error-response.js';
import { publicFault } from './fault.js';
import { Refusals } from './refusals.js';

/** The one place that writes errors: it alone knows how they look on the wire. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger('http');

  constructor(
    @Inject(AllowedMethods) private readonly allowedMethods: AllowedMethods,
    @Inject(Refusals) private readonly refusals: Refusals,
  ) {}

  async catch(exception: unknown, host: ArgumentsHost): Promise<void> {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    let fault = this.faultFor(exception, request);
    try {
      await this.refusals.record(request, fault.status);
    } catch (error) {
      fault = publicFault(error);
    }
    if (fault.status >= 500) this.report(fault, request);
    const { status, headers, body } = errorResponse(fault, request.routeOptions.url ?? pathOf(request));
    if (reply.sent) return;
    await reply.code(status).headers(headers).send(body);
  }

  /** An unknown path is a 404; a known one asked with a method that it does not take is a 405 (RFC 9110 §15.5.6). */
  private faultFor(exception: unknown, request: FastifyRequest): OAuthError | Problem {
    const fault = publicFault(exception);
    if (fault.status !== 404 || request.routeOptions.url !== undefined) return fault;
    const allow = this.allowedMethods.of(pathOf(request));
    return allow.length === 0 ? fault : methodNotAllowed(allow);
  }

  private report(fault: OAuthError | Problem, request: FastifyRequest): void {
    const { cause } = fault;
    const what = cause instanceof Error ? (fault.status === 503 ? cause.message : cause.stack) : 'no cause';
    this.logger.error({ request_id: request.id, status: fault.status, fault: what });
  }
}

function pathOf(request: FastifyRequest): string {
  const end = request.url.indexOf('?');
  return end < 0 ? request.url : request.url.slice(0, end);
}
