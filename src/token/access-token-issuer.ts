import { hash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { RequestOrigin } from '../audit/index.js';
import { Clock } from '../clock/index.js';
import { ServerConfig } from '../config/index.js';
import { newUuid } from '../identifiers/index.js';
import { KeyRing, Signer } from '../keys/index.js';
import { accessTokenClaims, formatScope } from '../protocol/index.js';
import { AccessTokenWriter } from './access-token.writer.js';
import type { TokenResponse } from './grants/grant.js';
import type { TokenTerms } from './token-terms.js';

/** Makes access tokens: signs them off the event loop, and lets them out only once their record is durable. */
@Injectable()
export class AccessTokenIssuer {
  constructor(
    @Inject(ServerConfig) private readonly server: ServerConfig,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Signer) private readonly signer: Signer,
    @Inject(KeyRing) private readonly keyRing: KeyRing,
    @Inject(AccessTokenWriter) private readonly writer: AccessTokenWriter,
  ) {}

  /**
   * Issues one token on `terms`.
   *
   * @returns `undefined` when the terms no longer hold; then nothing was written
   * @throws DatabaseUnavailable when its record cannot be made durable
   */
  async issue(terms: TokenTerms, origin: RequestOrigin): Promise<TokenResponse | undefined> {
    const now = this.clock.now();
    const jti = newUuid(now);
    const claims = accessTokenClaims({
      issuer: this.server.issuer,
      clientId: terms.clientId,
      subject: terms.clientId,
      audience: terms.audience,
      scope: terms.scope,
      issuedAt: now / 1000,
      lifetimeSeconds: terms.lifetimeSeconds,
      jti,
    });
    const key = this.signer.current();
    const signingInput = `${key.header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
    const token = `${signingInput}.${await this.writer.expecting(key.sign(signingInput))}`;
    const outcome = await this.writer.write({
      jti,
      tokenHash: hash('sha256', token, 'hex'),
      kid: key.kid,
      issuedAt: claims.iat,
      terms,
      origin,
    });
    if (outcome === 'stale') {
      await this.keyRing.reload();
      return undefined;
    }
    return { json: responseJson(token, terms) };
  }
}

/** The body of RFC 6749 §5.1. None of its parts can hold a character that JSON escapes. */
function responseJson(token: string, terms: TokenTerms): string {
  return `{"access_token":"${token}","token_type":"Bearer","expires_in":${terms.lifetimeSeconds},"scope":"${formatScope(terms.scope)}"}`;
}
