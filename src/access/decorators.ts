import { applyDecorators, createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { AuditAction } from '../audit/index.js';
import type { Caller } from './caller.js';

export const publicMetadata = 'signet:public';
export const scopeMetadata = 'signet:scope';
export const loopbackMetadata = 'signet:loopback';
export const auditedMetadata = 'signet:audited';

/** The handler needs no token. */
export const Public = () => SetMetadata(publicMetadata, true);

/** The handler, or every handler of the class, needs a bearer token of this server with `scope` (RFC 6750 §3.1). */
export const RequireScope = (scope: string) => SetMetadata(scopeMetadata, scope);

/** As {@link RequireScope}, but whoever asks on this machine needs no token; see `asksOnThisMachine` for who that is. */
export const RequireScopeUnlessLoopback = (scope: string) =>
  applyDecorators(RequireScope(scope), SetMetadata(loopbackMetadata, true));

/** The action under which a refusal of this handler is written to the audit log; its success is recorded by the use case. */
export const Audited = (action: AuditAction) => SetMetadata(auditedMetadata, action);

/** The verified caller of a handler that declares {@link RequireScope}. */
export const CurrentCaller = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const { caller } = context.switchToHttp().getRequest<FastifyRequest>();
  if (caller === undefined) throw new Error('@CurrentCaller on a handler without @RequireScope');
  return caller;
});
