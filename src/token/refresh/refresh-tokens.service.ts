import { randomBytes } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Audit, type RequestOrigin } from '../../audit/index.js';
import type { ClientSnapshot } from '../../clients/index.js';
import { Clock } from '../../clock/index.js';
import { ServerConfig } from '../../config/index.js';
import { inTransaction, isUniqueViolation } from '../../database/index.js';
import { newUuid } from '../../identifiers/index.js';
import { invalidGrant, type OAuthError } from '../../protocol/index.js';
import { AccessTokenIssuer, responseJson, type SignedToken } from '../access-token-issuer.js';
import type { TokenResponse } from '../grants/grant.js';
import { decideRefresh, type RefreshGrant, type RefreshState } from './refresh-decision.js';
import { RefreshFamilies } from './refresh-families.service.js';
import { refreshLifetimes } from './refresh-lifetimes.js';
import { firstRandomLength, RefreshSecrets, successorRandomLength } from './refresh-secrets.js';
import { narrowedGrant } from './refresh-terms.js';
import { type IssuedAccessToken, RefreshRepository } from './refresh.repository.js';

/** A refresh token in the hands of its own client. */
export interface PresentedRefreshToken {
  readonly token: string;
  readonly tokenId: string;
  /** Its family, as the decision knows it. */
  readonly family: RefreshGrant & { readonly id: string };
  /** The client, as the decision knows it. */
  readonly client: ClientSnapshot;
  readonly origin: RequestOrigin;
}

/** What a transaction came to: an answer, a refusal, or nothing, since what was decided on no longer holds. */
type Outcome = TokenResponse | { readonly refusal: OAuthError } | 'stale';

/**
 * Gives refresh tokens out and takes them in. Each use is one transaction, within the lock of the family, with the access token
 * that it gives: of any number of uses at once, on any processes, one finds the token unused (security.md R-03).
 */
@Injectable()
export class RefreshTokens {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(ServerConfig) private readonly server: ServerConfig,
    @Inject(AccessTokenIssuer) private readonly issuer: AccessTokenIssuer,
    @Inject(RefreshRepository) private readonly repository: RefreshRepository,
    @Inject(RefreshFamilies) private readonly families: RefreshFamilies,
    @Inject(RefreshSecrets) private readonly secrets: RefreshSecrets,
    @Inject(Audit) private readonly audit: Audit,
  ) {}

  /**
   * Begins a family: the first refresh token goes out with this access token.
   *
   * @returns `undefined` when the terms of the access token no longer hold; then nothing was written
   * @throws DatabaseUnavailable
   */
  async begin(signed: SignedToken, client: ClientSnapshot): Promise<TokenResponse | undefined> {
    const { terms } = signed.record;
    const first = this.secrets.first(randomBytes(firstRandomLength));
    const family = {
      id: newUuid(this.clock.now()),
      scope: terms.scope,
      audience: typeof terms.audience === 'string' ? [terms.audience] : terms.audience,
      jkt: signed.confirmation?.jkt,
      certificateThumbprint: signed.confirmation?.['x5t#S256'],
    };
    const { absoluteSeconds } = refreshLifetimes;
    const lifetimes = { absoluteSeconds, idleSeconds: idleSeconds(client) };
    return this.commit(async (tx) => {
      if (!(await this.issuer.record(tx, signed))) return 'stale';
      await this.repository.begin(tx, family, issued(signed), first, lifetimes);
      return { json: responseJson(signed, first.token) };
    });
  }

  /**
   * Uses a refresh token: for its successor, for the same one once more, or for the end of its family.
   *
   * @param signed the access token that goes out with it; `undefined` when none is to be expected
   * @returns `undefined` when the decision no longer holds; then nothing was written
   * @throws OAuthError `invalid_grant`; the end of the family is durable by then
   * @throws DatabaseUnavailable
   */
  async use(presented: PresentedRefreshToken, signed: SignedToken | undefined): Promise<TokenResponse | undefined> {
    return this.commit(async (tx) => {
      const { family, client } = presented;
      await this.repository.lock(tx, family.id);
      const state = await this.repository.find(tx, presented.tokenId);
      if (state === undefined) return { refusal: invalidGrant('unknown_refresh_token') };
      if (state.client.version !== client.version) return 'stale';
      const { verdict, fault } = decideRefresh(state, client.refreshTokenGraceSeconds);
      if (verdict === 'refuse') return { refusal: invalidGrant(fault) };
      if (verdict === 'reuse') return this.endFamily(tx, presented, fault);
      if (signed === undefined || !isSameGrant(state.family, family)) return 'stale';
      if (!(await this.issuer.record(tx, signed))) return 'stale';
      await this.repository.addAccessToken(tx, family.id, issued(signed));
      const left = narrowedGrant({ family, client }, this.server.issuer);
      if (left !== undefined) await this.repository.narrow(tx, family.id, left);
      return { json: responseJson(signed, await this.successorOf(tx, presented, state)) };
    });
  }

  /** security.md R-03: two hold the token, and nobody knows which of them is the client. */
  private async endFamily(
    tx: EntityManager,
    { client, family, origin }: PresentedRefreshToken,
    fault: string,
  ): Promise<Outcome> {
    const revoked = await this.families.revoke(tx, family.id, fault);
    await this.audit.record(tx, {
      action: 'token.reused',
      actorClientId: client.clientId,
      targetType: 'refresh_family',
      targetId: family.id,
      origin,
      details: { severity: 'high', access_tokens: revoked?.length ?? 0 },
    });
    return { refusal: invalidGrant(fault) };
  }

  private async successorOf(
    tx: EntityManager,
    { token, tokenId, client }: PresentedRefreshToken,
    { successor }: RefreshState,
  ): Promise<string> {
    // One that is there was decided to be repeated.
    if (successor !== undefined) return this.secrets.again(token, successor);
    const next = this.secrets.next(token, randomBytes(successorRandomLength));
    await this.repository.rotate(tx, tokenId, next, idleSeconds(client));
    return next.token;
  }

  private async commit(work: (tx: EntityManager) => Promise<Outcome>): Promise<TokenResponse | undefined> {
    const outcome = await this.attempt(work);
    if (outcome === 'stale') {
      await this.issuer.refreshKeys();
      return undefined;
    }
    if ('refusal' in outcome) throw outcome.refusal;
    return outcome;
  }

  private async attempt(work: (tx: EntityManager) => Promise<Outcome>): Promise<Outcome> {
    try {
      return await inTransaction(this.dataSource, work);
    } catch (error) {
      // Identifiers are unique by chance only.
      if (isUniqueViolation(error, 'refresh_tokens_pkey')) return 'stale';
      throw error;
    }
  }
}

function idleSeconds(client: ClientSnapshot): number {
  return client.refreshTokenTtlSeconds ?? refreshLifetimes.idleSeconds;
}

function isSameGrant(one: RefreshGrant, two: RefreshGrant): boolean {
  return isDeepStrictEqual([one.scope, one.audience], [two.scope, two.audience]);
}

function issued({ record }: SignedToken): IssuedAccessToken {
  return { jti: record.jti, expiresAt: record.issuedAt + record.terms.lifetimeSeconds };
}
