import { Inject, Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Audit, type AuditAction, type AuditRefusal } from '../audit/index.js';
import { JsonBody, pathOf, Refusals } from '../http/index.js';
import { type OAuthError, Problem } from '../protocol/index.js';
import { AuditedRoutes } from './audited-routes.js';
import { refusedTarget } from './refused-target.js';
import { originOf } from './request-context.js';

/**
 * Writes refused calls of protected endpoints to the audit log: every missing, bad or too narrow token, and every refused
 * change under the name that the change would have had. The OAuth endpoints record their own refusals; what never reached the
 * token endpoint is recorded here.
 */
@Injectable()
export class AuditedRefusals extends Refusals {
  constructor(
    @Inject(Audit) private readonly audit: Audit,
    @Inject(AuditedRoutes) private readonly routes: AuditedRoutes,
  ) {
    super();
  }

  async record(request: FastifyRequest, fault: OAuthError | Problem): Promise<void> {
    const { status } = fault;
    const action = request.refusalAction ?? this.actionBeforeGuard(request, fault);
    if (action === undefined || status >= 500) return;
    const denied = status === 401 || status === 403;
    if (!denied && action === 'access.denied') return;
    const route = `${request.method} ${request.routeOptions.url ?? pathOf(request)}`;
    const parameters = (request.params ?? {}) as Readonly<Record<string, string>>;
    const body = request.body instanceof JsonBody ? request.body.known : undefined;
    const target = refusedTarget(action, parameters, request.caller === undefined ? undefined : body);
    const refusal: AuditRefusal = {
      action,
      actorClientId: request.caller?.clientId,
      ...(target ?? { targetType: 'route', targetId: route }),
      origin: originOf(request),
      details: { route, params: parameters, status, reason: request.refusalReason },
      error: errorWord[status] ?? 'refused',
    };
    // What HTTP refuses is refused without the database too.
    if (request.refusalAction === undefined) await this.audit.recordRefusalOrCount(refusal);
    else await this.audit.recordRefusal(refusal);
  }

  /** A body too large, a method that is not taken: HTTP refuses before any handler is asked. */
  private actionBeforeGuard(request: FastifyRequest, fault: OAuthError | Problem): AuditAction | undefined {
    if (!(fault instanceof Problem)) return undefined;
    const { url } = request.routeOptions;
    return oauthActions[pathOf(request)] ?? (url === undefined ? undefined : this.routes.actionOf(request.method, url));
  }
}

const oauthActions: Readonly<Record<string, AuditAction>> = {
  '/oauth/token': 'token.denied',
  '/oauth/introspect': 'token.introspection_denied',
  '/oauth/revoke': 'token.revocation_denied',
};

const errorWord: Readonly<Record<number, string>> = {
  400: 'invalid_request',
  401: 'invalid_token',
  403: 'insufficient_scope',
  404: 'not_found',
  405: 'method_not_allowed',
  409: 'conflict',
  412: 'precondition_failed',
  413: 'too_large',
  415: 'unsupported_media_type',
  431: 'too_large',
};
