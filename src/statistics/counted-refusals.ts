import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { AuditedRefusals, AuditedRoutes } from '../access/index.js';
import { Audit } from '../audit/index.js';
import { pathOf } from '../http/index.js';
import { type OAuthError, Problem } from '../protocol/index.js';
import { RefusalCounts } from './refusal-counts.service.js';

/**
 * Counts what HTTP refuses before the token endpoint is asked – a body too large, a method that is not taken –, beside its audit
 * entry. What the endpoint itself refuses, it counts itself.
 */
@Injectable()
export class CountedRefusals extends AuditedRefusals {
  constructor(
    @Inject(Audit) audit: Audit,
    @Inject(AuditedRoutes) routes: AuditedRoutes,
    @Inject(RefusalCounts) private readonly counts: RefusalCounts,
  ) {
    super(audit, routes);
  }

  override async record(request: FastifyRequest, fault: OAuthError | Problem): Promise<void> {
    await super.record(request, fault);
    // Under /oauth/ every such refusal reads `invalid_request` to its sender.
    if (fault instanceof Problem && fault.status < 500 && pathOf(request) === '/oauth/token') {
      await this.counts.count('invalid_request');
    }
  }
}
