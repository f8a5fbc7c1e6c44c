import { type ArgumentsHost, Catch, type ExceptionFilter, Inject } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { methodNotAllowed, type OAuthError, type Problem } from '../protocol/index.js';
import { AllowedMethods } from './allowed-methods.js';
import { errorResponse } from './error-response.js';
import { publicFault } from './fault.js';
import { logFault } from './fault-log.js';
import { Refusals } from './refusals.js';
import { pathOf } from './request-path.js';

/** The one place that writes errors: it alone knows how they look on the wire. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
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
      await this.refusals.record(request, fault);
    } catch (error) {
      fault = publicFault(error);
    }
    logFault(fault, request.id);
    const { status, headers, body } = errorResponse(fault, request.routeOptions.url ?? pathOf(request));
    if (reply.sent) return;
    await reply.code(status).headers(headers).send(body);
  }

  /**
   * An unknown path is a 404; a known one asked with a method that it does not take is a 405 (RFC 9110 §15.5.6), and so is any
   * path asked with a method that is taken nowhere (security.md H-03).
   */
  private faultFor(exception: unknown, request: FastifyRequest): OAuthError | Problem {
    const fault = publicFault(exception);
    if (fault.status !== 404 || request.routeOptions.url !== undefined) return fault;
    const allow = this.allowedMethods.of(pathOf(request));
    const refused = allow.length > 0 || !this.allowedMethods.anywhere(request.method);
    return refused ? methodNotAllowed(allow) : fault;
  }
}
