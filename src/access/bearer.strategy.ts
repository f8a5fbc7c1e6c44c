import { Inject, Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import type { FastifyRequest } from 'fastify';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { Strategy, type StrategyOptionsWithRequest } from 'passport-jwt';
import { Clock } from '../clock/index.js';
import { ServerConfig } from '../config/index.js';
import { ACCESS_TOKEN_TYPE, isCompactJws } from '../protocol/index.js';
import type { Caller } from './caller.js';
import { TokenStatus, VerificationKeys } from './ports.js';
import { presentedToken } from './presented-token.js';
import { InvalidAccessToken } from './refused-token.js';
import { originOf } from './request-context.js';
import { SenderConstraint } from './sender-constraint.js';

/** Seconds by which the clocks of two of our processes may differ (security.md, threat 35). */
const clockToleranceSeconds = 10;

const requiredClaims = ['iss', 'sub', 'aud', 'exp', 'iat', 'jti', 'client_id', 'scope'];

interface AccessTokenPayload {
  readonly client_id: string;
  readonly scope: string;
  readonly jti: string;
  readonly exp: number;
  readonly cnf?: unknown;
}

/**
 * Verifies an access token of this server (RFC 9068 §4, RFC 8725 §3): `typ`, `iss`, `aud` and `alg` are compared with what the
 * configuration says, the key is looked up by `kid` in our own ring and brings its one algorithm, every claim we rely on must
 * be there, who sends it must be whom it is bound to, and the token must still be live in the database.
 *
 * jose decides; passport-jwt then checks the signature again with the key that jose used.
 */
@Injectable()
export class BearerStrategy extends PassportStrategy(Strategy, 'bearer') {
  constructor(
    @Inject(ServerConfig) server: ServerConfig,
    @Inject(VerificationKeys) keys: VerificationKeys,
    @Inject(TokenStatus) private readonly tokens: TokenStatus,
    @Inject(SenderConstraint) private readonly senders: SenderConstraint,
    @Inject(Clock) clock: Clock,
  ) {
    const options: StrategyOptionsWithRequest = {
      jwtFromRequest: (request: { headers: { authorization?: string } }) =>
        presentedToken(request.headers.authorization)?.token ?? null,
      secretOrKeyProvider: (
        _request: unknown,
        token: string,
        done: (error: unknown, key?: string | Buffer) => void,
      ) => {
        verificationKey(token, server.issuer, keys, clock).then(
          // jsonwebtoken takes a KeyObject, which spares it parsing a PEM; its types know only text and bytes.
          (key) => done(null, key as unknown as Buffer),
          (error: unknown) => done(error),
        );
      },
      algorithms: ['RS256', 'ES256'],
      issuer: server.issuer,
      audience: server.issuer,
      jsonWebTokenOptions: { clockTolerance: clockToleranceSeconds },
      passReqToCallback: true,
    };
    super(options);
    // passport-jwt copies its options once, and jsonwebtoken reads that copy for each token.
    const copied = Reflect.get(this, '_verifOpts') as object;
    Object.defineProperty(copied, 'clockTimestamp', { enumerable: true, get: () => Math.floor(clock.now() / 1_000) });
  }

  /** Called with the verified claims; the caller it returns is what handlers see. */
  async validate(request: FastifyRequest, payload: AccessTokenPayload): Promise<Caller> {
    const presented = presentedToken(request.headers.authorization);
    if (presented === undefined) throw new InvalidAccessToken('unverifiable');
    const proof = this.senders.confirm(request, presented, payload.cnf);
    if (!(await this.tokens.isActive(payload.jti, payload.exp))) throw new InvalidAccessToken('not_live');
    // The last of all: a request that is refused for another reason leaves its proof unused.
    await this.senders.use(proof);
    return {
      clientId: payload.client_id,
      scopes: payload.scope === '' ? [] : payload.scope.split(' '),
      jti: payload.jti,
      expiresAt: payload.exp,
      origin: originOf(request),
    };
  }
}

async function verificationKey(token: string, issuer: string, keys: VerificationKeys, clock: Clock) {
  if (!isCompactJws(token)) throw new InvalidAccessToken('unverifiable');
  try {
    const { kid } = decodeProtectedHeader(token);
    const key = kid === undefined ? undefined : await keys.find(kid);
    if (key === undefined) throw new InvalidAccessToken('unverifiable');
    const { payload } = await jwtVerify(token, key.publicKey, {
      algorithms: [key.alg],
      typ: ACCESS_TOKEN_TYPE,
      issuer,
      audience: issuer,
      requiredClaims,
      maxTokenAge: '86400s',
      clockTolerance: clockToleranceSeconds,
      currentDate: new Date(clock.now()),
    });
    for (const claim of ['sub', 'jti', 'client_id', 'scope']) {
      if (typeof payload[claim] !== 'string') throw new InvalidAccessToken('unverifiable');
    }
    return key.publicKey;
  } catch (error) {
    if (error instanceof InvalidAccessToken) throw error;
    throw new InvalidAccessToken('unverifiable', error);
  }
}
