import { Inject, Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import type { FastifyRequest } from 'fastify';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { Strategy, type StrategyOptionsWithRequest } from 'passport-jwt';
import { ServerConfig } from '../config/index.js';
import { ACCESS_TOKEN_TYPE, isCompactJws } from '../protocol/index.js';
import type { Caller } from './caller.js';
import { TokenStatus, VerificationKeys } from './ports.js';
import { originOf } from './request-context.js';

/** Why a bearer token was refused; a caller learns only `invalid_token`. */
export class InvalidBearerToken extends Error {
  override readonly name = 'InvalidBearerToken';
}

/** Seconds by which the clocks of two of our processes may differ. */
const clockToleranceSeconds = 5;

const requiredClaims = ['iss', 'sub', 'aud', 'exp', 'iat', 'jti', 'client_id', 'scope'];

interface AccessTokenPayload {
  readonly client_id: string;
  readonly scope: string;
  readonly jti: string;
  readonly exp: number;
}

/**
 * Verifies a bearer token of this server (RFC 9068 §4, RFC 8725 §3): `typ`, `iss`, `aud` and `alg` are compared with what the
 * configuration says, the key is looked up by `kid` in our own ring and brings its one algorithm, every claim we rely on must
 * be there, and the token must still be live in the database.
 *
 * jose decides; passport-jwt then checks the signature again with the key that jose used.
 */
@Injectable()
export class BearerStrategy extends PassportStrategy(Strategy, 'bearer') {
  constructor(
    @Inject(ServerConfig) server: ServerConfig,
    @Inject(VerificationKeys) keys: VerificationKeys,
    @Inject(TokenStatus) private readonly tokens: TokenStatus,
  ) {
    const options: StrategyOptionsWithRequest = {
      jwtFromRequest: (request: { headers: { authorization?: string } }) => bearerToken(request.headers.authorization),
      secretOrKeyProvider: (
        _request: unknown,
        token: string,
        done: (error: unknown, key?: string | Buffer) => void,
      ) => {
        verificationKey(token, server.issuer, keys).then(
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
  }

  /** Called with the verified claims; the caller it returns is what handlers see. */
  async validate(request: FastifyRequest, payload: AccessTokenPayload): Promise<Caller> {
    if (!(await this.tokens.isActive(payload.jti, payload.exp))) throw new InvalidBearerToken('not live');
    return {
      clientId: payload.client_id,
      scopes: payload.scope === '' ? [] : payload.scope.split(' '),
      jti: payload.jti,
      origin: originOf(request),
    };
  }
}

/** The token of `Authorization: Bearer …` (RFC 6750 §2.1); the scheme is case-insensitive. `null`: none was sent. */
function bearerToken(authorization: string | undefined): string | null {
  if (authorization === undefined) return null;
  // RFC 6750 §3.1: another way of authenticating is no token, and gets the bare challenge.
  if (!/^bearer( |$)/i.test(authorization)) return null;
  const match = /^bearer +([^ ]+)$/i.exec(authorization);
  // Something was sent that cannot be a token: an empty one is refused as invalid, not taken for absent.
  return match?.[1] ?? '-';
}

async function verificationKey(token: string, issuer: string, keys: VerificationKeys) {
  if (!isCompactJws(token)) throw new InvalidBearerToken('not a compact JWS');
  try {
    const { kid } = decodeProtectedHeader(token);
    const key = kid === undefined ? undefined : keys.byKid(kid);
    if (key === undefined) throw new InvalidBearerToken('unknown kid');
    const { payload } = await jwtVerify(token, key.publicKey, {
      algorithms: [key.alg],
      typ: ACCESS_TOKEN_TYPE,
      issuer,
      audience: issuer,
      requiredClaims,
      maxTokenAge: '86400s',
      clockTolerance: clockToleranceSeconds,
    });
    for (const claim of ['sub', 'jti', 'client_id', 'scope']) {
      if (typeof payload[claim] !== 'string') throw new InvalidBearerToken(`${claim} is not a string`);
    }
    return key.publicKey;
  } catch (error) {
    if (error instanceof InvalidBearerToken) throw error;
    throw new InvalidBearerToken('verification failed', { cause: error });
  }
}
