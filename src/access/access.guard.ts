import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import type { FastifyReply, FastifyRequest } from 'fastify';
import passport from 'passport';
import type { AuditAction } from '../audit/index.js';
import { DpopProofs } from '../binding/index.js';
import { bearerChallenge, forbidden, grantsApi, OAuthError, unauthorized } from '../protocol/index.js';
import { type AccessRule, accessRule } from './access-rule.js';
import { BearerStrategy } from './bearer.strategy.js';
import type { Caller } from './caller.js';
import { auditedMetadata } from './decorators.js';
import { asksOnThisMachine } from './loopback.js';
import { presentedToken, type TokenScheme } from './presented-token.js';
import { InvalidAccessToken, insufficientScope, refusedToken } from './refused-token.js';

/** How many there have been in this process; more than one only in tests. */
let servers = 0;

type Handler = ReturnType<ExecutionContext['getHandler']>;

/**
 * Guards every handler by what it declares, never by its path: `@Public()` lets anybody in, `@RequireScope(s)` lets in a
 * verified access token that holds `s` – `@RequireScopeUnlessLoopback(s)` also whoever asks on this machine –, and a handler
 * that declares neither lets nobody in (it also stops the start).
 */
@Injectable()
export class AccessGuard extends AuthGuard() implements CanActivate {
  private readonly rules = new WeakMap<Handler, AccessRule>();

  constructor(
    @Inject(BearerStrategy) strategy: BearerStrategy,
    @Inject(DpopProofs) private readonly proofs: DpopProofs,
  ) {
    // Passport finds strategies by names that are global to the process: each server has a name of its own.
    servers += 1;
    const name = `bearer ${servers}`;
    passport.use(name, strategy);
    super({ property: 'caller', session: false, defaultStrategy: name });
  }

  override canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    this.offerNonce(context);
    const handler = context.getHandler();
    const rule = this.rules.get(handler) ?? accessRule(handler, context.getClass());
    if (rule === undefined) throw forbidden('this path is not open to anybody');
    this.rules.set(handler, rule);
    if (rule.kind === 'public') return true;
    if (rule.openToLoopback === true && asksOnThisMachine(context.switchToHttp().getRequest<FastifyRequest>().raw)) {
      return true;
    }
    return this.admit(context, rule.scope);
  }

  /** Turns what passport found into a caller, or into the challenge of RFC 6750 §3 or RFC 9449 §7.1. */
  override handleRequest<User = Caller>(
    error: unknown,
    user: User | false | null,
    _info: unknown,
    context: ExecutionContext,
  ): User {
    if (user) return user;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const scheme = schemeOf(request);
    if (scheme === undefined) throw unauthorized(bearerChallenge());
    // Passport has no error where jsonwebtoken alone refused the token.
    const refusal = error ?? new InvalidAccessToken('unverifiable');
    if (!(refusal instanceof InvalidAccessToken) && !isProofFault(refusal)) throw refusal;
    request.refusalReason = refusal.reason;
    throw refusedToken(scheme, refusal);
  }

  /** RFC 9449 §8.2: who sends a proof learns the nonce of the next one. */
  private offerNonce(context: ExecutionContext): void {
    const http = context.switchToHttp();
    if (http.getRequest<FastifyRequest>().headers['dpop'] === undefined) return;
    void http.getResponse<FastifyReply>().header('dpop-nonce', this.proofs.nonce());
  }

  private async admit(context: ExecutionContext, scope: string): Promise<boolean> {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const audited: unknown = Reflect.getMetadata(auditedMetadata, context.getHandler());
    request.refusalAction = typeof audited === 'string' ? (audited as AuditAction) : 'access.denied';
    await super.canActivate(context);
    if (!grantsApi(request.caller?.scopes ?? [], scope)) {
      const challenge = insufficientScope(schemeOf(request) ?? 'Bearer', scope);
      throw forbidden('the access token has too little scope', challenge);
    }
    return true;
  }
}

function schemeOf({ headers }: FastifyRequest): TokenScheme | undefined {
  return presentedToken(headers.authorization)?.scheme;
}

function isProofFault(error: unknown): error is OAuthError {
  return error instanceof OAuthError && (error.code === 'invalid_dpop_proof' || error.code === 'use_dpop_nonce');
}
