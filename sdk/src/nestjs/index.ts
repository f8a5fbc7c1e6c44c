// For NestJS, on Express or on Fastify.
import {
  type CanActivate,
  type DynamicModule,
  type ExecutionContext,
  HttpException,
  Injectable,
  createParamDecorator,
  Inject,
  Module,
  SetMetadata,
} from '@nestjs/common';
import { APP_GUARD, Reflector } from '@nestjs/core';
import type { IncomingHttpHeaders } from 'node:http';
import { presentedBy } from '../resource-server/answer.js';
import { TokenError, type TokenVerifier, type VerifiedToken } from '../resource-server/index.js';

/** Of both decorators, so that the nearest one wins: scopes, or `null` for none of anybody. */
const metadata = 'signet:required-scope';
const verifierToken = Symbol('TokenVerifier');
const originToken = Symbol('origin');

interface Request {
  method: string;
  url: string;
  originalUrl?: string;
  headers: IncomingHttpHeaders;
  auth?: VerifiedToken;
}

interface Response {
  header?(name: string, value: string): unknown;
  setHeader?(name: string, value: string): unknown;
}

/** The handler, or every handler of the class, needs a token with each of these scopes. What the handler says goes before its class. */
export const RequireScope = (...scopes: string[]) => SetMetadata(metadata, scopes);

/** The handler, or every handler of the class that names no scope of its own, needs no token. */
export const AllowAnonymous = () => SetMetadata(metadata, null);

/** What is known of the bearer: a {@link VerifiedToken}. */
export const Auth = createParamDecorator(
  (_: unknown, context: ExecutionContext) => context.switchToHttp().getRequest<Request>().auth,
);

/** Refuses every request without a good token, unless its handler is declared {@link AllowAnonymous}. */
export class SignetGuard implements CanActivate {
  readonly #verifier: TokenVerifier;
  readonly #origin: string | undefined;
  readonly #reflector: Reflector;

  /** @internal */
  constructor(verifier: TokenVerifier, origin: string | undefined, reflector: Reflector) {
    this.#verifier = verifier;
    this.#origin = origin;
    this.#reflector = reflector;
  }

  /** @throws HttpException 401, 403 or 503, its challenge set on the response */
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const targets = [context.getHandler(), context.getClass()];
    const scope = this.#reflector.getAllAndOverride<string[] | null | undefined>(metadata, targets);
    if (scope === null) return true;
    const request = context.switchToHttp().getRequest<Request>();
    const presented = presentedBy(request, request.originalUrl ?? request.url, this.#origin);
    try {
      request.auth = await this.#verifier.verify(presented, scope);
      return true;
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      const response = context.switchToHttp().getResponse<Response>();
      for (const [name, value] of Object.entries(error.headers)) setHeader(response, name, value);
      throw new HttpException({ type: 'about:blank', title: error.message, status: error.status }, error.status);
    }
  }
}

// As decorators they would need the compiler's helpers, which are larger than they are.
Injectable()(SignetGuard);
[verifierToken, originToken, Reflector].forEach((token, at) => Inject(token)(SignetGuard, undefined, at));

/** Express knows both, Fastify the second. */
function setHeader(response: Response, name: string, value: string): void {
  if (response.setHeader !== undefined) response.setHeader(name, value);
  else response.header?.(name, value);
}

/** Guards every route of the application. */
export class SignetModule {
  /** @param origin as clients see it: proofs of bound tokens name it */
  static forRoot({ verifier, origin }: { verifier: TokenVerifier; origin?: string }): DynamicModule {
    return {
      module: SignetModule,
      providers: [
        { provide: verifierToken, useValue: verifier },
        { provide: originToken, useValue: origin },
        { provide: APP_GUARD, useClass: SignetGuard },
      ],
    };
  }
}

Module({})(SignetModule);
