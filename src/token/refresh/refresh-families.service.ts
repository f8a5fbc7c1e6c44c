import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Outbox } from '../../outbox/index.js';
import { parseSecret } from '../../protocol/index.js';
import { ScheduledJobs } from '../../queue/index.js';
import { decideRefresh, type RefreshState } from './refresh-decision.js';
import { refreshLifetimes } from './refresh-lifetimes.js';
import { RefreshSecrets } from './refresh-secrets.js';
import { RefreshRepository, type RevokedAccessToken } from './refresh.repository.js';

/** A refresh token that can be used, as its introspection tells (RFC 7662 §2.2). */
export interface InspectedRefreshToken {
  /** Its public identifier, which stands in it. */
  readonly tokenId: string;
  readonly clientId: string;
  /** What its family may ask for. */
  readonly scope: readonly string[];
  readonly audience: readonly string[];
  /** Seconds since the epoch. */
  readonly issuedAt: number;
  /** When its idle time ends, or that of its family if that is sooner; seconds since the epoch. */
  readonly expiresAt: number;
}

/** Few, since each takes its tokens with it. */
const pruneBatch = 20;
const pruneEverySeconds = 600;

/** Families of refresh tokens: what is known of them, and how they end. */
@Injectable()
export class RefreshFamilies implements OnModuleInit {
  constructor(
    @Inject(RefreshRepository) private readonly repository: RefreshRepository,
    @Inject(RefreshSecrets) private readonly secrets: RefreshSecrets,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(ScheduledJobs) private readonly jobs: ScheduledJobs,
  ) {}

  onModuleInit(): void {
    this.jobs.register({
      name: 'refresh-families-prune',
      everySeconds: pruneEverySeconds,
      run: (signal) => this.prune(signal),
    });
  }

  /**
   * What is known of a refresh token at this moment; `undefined` for anything that is none of ours. What is done on it is to be
   * decided again within the lock of its family.
   *
   * @throws DatabaseUnavailable
   */
  async look(token: string): Promise<RefreshState | undefined> {
    const parsed = parseSecret(token);
    if (parsed?.kind !== 'signet_rt') return undefined;
    const state = await this.repository.look(parsed.secretId);
    return state !== undefined && this.secrets.matches(token, state.token.hash) ? state : undefined;
  }

  /**
   * The token as its introspection tells; `undefined` unless it can be used now: it is unused, neither it nor its family has
   * ended, and its client is active and has the grant.
   *
   * @throws DatabaseUnavailable
   */
  async inspect(token: string): Promise<InspectedRefreshToken | undefined> {
    const state = await this.look(token);
    if (state?.client.mayRefresh !== true || decideRefresh(state, 0).verdict !== 'rotate') return undefined;
    const { clientId, scope, audience, expiresAt } = state.family;
    return {
      tokenId: state.token.tokenId,
      clientId,
      scope,
      audience,
      issuedAt: Math.floor(state.token.createdAt / 1000),
      expiresAt: Math.floor(Math.min(state.token.expiresAt, expiresAt) / 1000),
    };
  }

  /** The family of a refresh token, dead or alive; `undefined` for anything that is none of ours. */
  async familyOf(
    tx: EntityManager,
    token: string,
  ): Promise<{ readonly id: string; readonly clientId: string } | undefined> {
    const parsed = parseSecret(token);
    if (parsed?.kind !== 'signet_rt') return undefined;
    const state = await this.repository.find(tx, parsed.secretId);
    if (state === undefined || !this.secrets.matches(token, state.token.hash)) return undefined;
    return { id: state.family.id, clientId: state.family.clientId };
  }

  /**
   * Ends a family when `tx` commits: its refresh tokens, and its live access tokens with their events. It waits for whoever is
   * using a token of the family at this moment, and those who come later find it revoked (security.md R-13). The audit entry is
   * the caller's.
   *
   * @param reason a word for operators
   * @returns the access tokens that were live until now; `undefined` when the family was revoked before
   */
  async revoke(tx: EntityManager, familyId: string, reason: string): Promise<RevokedAccessToken[] | undefined> {
    await this.repository.lock(tx, familyId);
    const revoked = await this.repository.revoke(tx, familyId, reason);
    if (revoked === undefined) return undefined;
    const { clientId, accessTokens } = revoked;
    await this.outbox.appendAll(
      tx,
      accessTokens.map(({ jti, expiresAt }) => ({
        type: 'oauth.token.revoked',
        subject: jti,
        data: { client_id: clientId, jti, expires_at: expiresAt.toISOString(), reason },
      })),
    );
    return accessTokens;
  }

  /** Forgets families that ended long ago. */
  async prune(signal?: AbortSignal): Promise<void> {
    let deleted: number;
    do {
      deleted = await this.repository.prune(refreshLifetimes.keptSeconds, pruneBatch);
      if (signal?.aborted === true) return;
    } while (deleted === pruneBatch);
  }
}
