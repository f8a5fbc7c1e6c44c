import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import type { FastifyRequest } from 'fastify';
import passport from 'passport';
import type { AuditAction } from '../audit/index.js';
import { bearerChallenge, forbidden, grantsApi, unauthorized } from '../protocol/index.js';
import { type AccessRule, accessRule } from './access-rule.js';
import { BearerStrategy, InvalidBearerToken } from './bearer.strategy.js';
import type { Caller } from './caller.js';
import { auditedMetadata } from './decorators.js';

/** How many there have been in this process; more than one only in tests. */
let servers = 0;

type Handler = ReturnType<ExecutionContext['getHandler']>;

/**
 * Guards every handler by what it declares, never by its path: `@Public()` lets anybody in, `@RequireScope(s)` lets in a
 * verified bearer token that holds `s`, and a handler that declares neither lets nobody in (it also stops the start).
 */
@Injectable()
export class AccessGuard extends AuthGuard() implements CanActivate {
  private readonly rules = new WeakMap<Handler, AccessRule>();

  constructor(@Inject(BearerStrategy) strategy: BearerStrategy) {
    // Passport finds strategies by names that are global to the process: each server has a name of its own.
    servers += 1;
    const name = `bearer ${servers}`;
    passport.use(name, strategy);
    super({ property: 'caller', session: false, defaultStrategy: name });
  }

  override canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const handler = context.getHandler();
    const rule = this.rules.get(handler) ?? accessRule(handler, context.getClass());
    if (rule === undefined) throw forbidden('this path is not open to anybody');
    this.rules.set(handler, rule);
    return rule.kind === 'public' ? true : this.admit(context, rule.scope);
  }

  /** Turns what passport found into a caller, or into the challenge of RFC 6750 §3. */
  override handleRequest<User = Caller>(error: unknown, user: User | false | null, info: unknown): User {
    if (user) return user;
    if (error !== null && error !== undefined && !(error instanceof InvalidBearerToken)) throw error;
    const absent = info instanceof Error && info.message === 'No auth token';
    throw unauthorized(absent ? bearerChallenge() : bearerChallenge({ error: 'invalid_token' }));
  }

  private async admit(context: ExecutionContext, scope: string): Promise<boolean> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const audited: unknown = Reflect.getMetadata(auditedMetadata, context.getHandler());
    request.refusalAction = typeof audited === 'string' ? (audited as AuditAction) : 'access.denied';
    await super.canActivate(context);
    if (!grantsApi(request.caller?.scopes ?? [], scope)) {
      throw forbidden('the access token has too little scope', bearerChallenge({ error: 'insufficient_scope', scope }));
    }
    return true;
  }
}
