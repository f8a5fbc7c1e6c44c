import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Audit } from '../audit/index.js';
import { Refusals } from '../http/index.js';
import { originOf } from './request-context.js';

/**
 * Writes refused calls of protected endpoints to the audit log: every missing, bad or too narrow token, and every refused
 * change under the name that the change would have had. The OAuth endpoints record their own refusals.
 */
@Injectable()
export class AuditedRefusals extends Refusals {
  constructor(@Inject(Audit) private readonly audit: Audit) {
    super();
  }

  async record(request: FastifyRequest, status: number): Promise<void> {
    const action = request.refusalAction;
    if (action === undefined || status >= 500) return;
    const denied = status === 401 || status === 403;
    if (!denied && action === 'access.denied') return;
    await this.audit.recordRefusal({
      action,
      actorClientId: request.caller?.clientId,
      targetType: 'route',
      targetId: `${request.method} ${request.routeOptions.url ?? ''}`,
      origin: originOf(request),
      details: { params: request.params, status },
      error: errorWord[status] ?? 'refused',
    });
  }
}

const errorWord: Readonly<Record<number, string>> = {
  400: 'invalid_request',
  401: 'invalid_token',
  403: 'insufficient_scope',
  404: 'not_found',
  409: 'conflict',
  412: 'precondition_failed',
  413: 'too_large',
  415: 'unsupported_media_type',
};
