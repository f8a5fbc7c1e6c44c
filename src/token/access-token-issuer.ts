import { hash } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { RequestOrigin } from '../audit/index.js';
import { Clock } from '../clock/index.js';
import { ServerConfig } from '../config/index.js';
import { newUuid } from '../identifiers/index.js';
import { KeyRing, Signer } from '../keys/index.js';
import { accessTokenClaims, type Confirmation, formatScope } from '../protocol/index.js';
import type { AccessTokenRecord } from './access-token-record.js';
import { AccessTokenWriter } from './access-token.writer.js';
import type { TokenResponse } from './grants/grant.js';
import type { TokenTerms } from './token-terms.js';

/** A token that is signed, and must not leave before its record is durable. */
export interface SignedToken {
  readonly token: string;
  readonly record: AccessTokenRecord;
  readonly confirmation: Confirmation | undefined;
}

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
   * Issues one token on `terms`, in a commit that it shares with the tokens of the same moment.
   *
   * @returns `undefined` when the terms no longer hold; then nothing was written
   * @throws DatabaseUnavailable when its record cannot be made durable
   */
  async issue(
    terms: TokenTerms,
    origin: RequestOrigin,
    confirmation: Confirmation | undefined,
  ): Promise<TokenResponse | undefined> {
    const signed = await this.writer.expecting(this.sign(terms, origin, confirmation));
    const outcome = await this.writer.write(signed.record);
    if (outcome === 'stale') {
      await this.refreshKeys();
      return undefined;
    }
    return { json: responseJson(signed) };
  }

  /** As `issue`, for whoever gives the same token to more than one request. */
  async issueSigned(
    terms: TokenTerms,
    origin: RequestOrigin,
    confirmation: Confirmation | undefined,
  ): Promise<SignedToken | undefined> {
    const signed = await this.writer.expecting(this.sign(terms, origin, confirmation));
    if ((await this.writer.write(signed.record)) === 'written') return signed;
    await this.refreshKeys();
    return undefined;
  }

  /** Signs a token on `terms`; whoever asks for it stores its record with `AccessTokenWriter`. */
  async sign(terms: TokenTerms, origin: RequestOrigin, confirmation: Confirmation | undefined): Promise<SignedToken> {
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
      confirmation,
    });
    const key = this.signer.current();
    const signingInput = `${key.header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`;
    const token = `${signingInput}.${await key.sign(signingInput)}`;
    const tokenHash = hash('sha256', token, 'hex');
    return { token, record: { jti, tokenHash, kid: key.kid, issuedAt: claims.iat, terms, origin }, confirmation };
  }

  /**
   * Stores the record of a signed token in a transaction of the caller's; it may leave once that has committed.
   *
   * @returns whether its terms still hold; if not, nothing was written, and `refreshKeys` is due after the transaction
   */
  async record(tx: EntityManager, { record }: SignedToken): Promise<boolean> {
    return this.writer.writeIn(tx, record);
  }

  /**
   * Reads the keys anew, for a token whose terms no longer hold. Not within a transaction: it takes a connection of the same
   * pool, and transactions that all wait for one more connection wait for ever.
   */
  async refreshKeys(): Promise<void> {
    await this.keyRing.reload();
  }
}

/**
 * The body of RFC 6749 §5.1. None of its parts can hold a character that JSON escapes.
 *
 * @param expiresIn seconds that are left of the token; absent: it is new
 */
export function responseJson(
  { token, record, confirmation }: SignedToken,
  refreshToken?: string,
  expiresIn = record.terms.lifetimeSeconds,
): string {
  const type = confirmation?.jkt === undefined ? 'Bearer' : 'DPoP';
  const { scope } = record.terms;
  const renewal = refreshToken === undefined ? '' : `,"refresh_token":"${refreshToken}"`;
  return `{"access_token":"${token}","token_type":"${type}","expires_in":${expiresIn},"scope":"${formatScope(scope)}"${renewal}}`;
}
