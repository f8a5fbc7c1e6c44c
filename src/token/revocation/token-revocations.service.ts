import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Audit, type RequestOrigin } from '../../audit/index.js';
import { Outbox } from '../../outbox/index.js';
import { TokenRepository } from '../token.repository.js';

/** Who ends a token, and why. */
export interface RevocationAct {
  /** A word or sentence for operators. */
  readonly reason: string;
  readonly actorClientId: string;
  readonly origin: RequestOrigin;
}

/** Ends single access tokens, each with its audit entry and its event. */
@Injectable()
export class TokenRevocations {
  constructor(
    @Inject(TokenRepository) private readonly tokens: TokenRepository,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(Outbox) private readonly outbox: Outbox,
  ) {}

  /**
   * Ends the access token `jti` when `tx` commits; one that is ended or has expired stays as it is, without entry and event.
   *
   * @returns whether it was live until now
   */
  async revoke(tx: EntityManager, jti: string, { reason, actorClientId, origin }: RevocationAct): Promise<boolean> {
    const token = await this.tokens.revoke(tx, jti, reason);
    if (token === undefined) return false;
    await this.audit.record(tx, {
      action: 'token.revoked',
      actorClientId,
      targetType: 'token',
      targetId: jti,
      origin,
      details: { client_id: token.clientId, reason },
    });
    await this.outbox.append(tx, {
      type: 'oauth.token.revoked',
      subject: jti,
      data: { client_id: token.clientId, jti, expires_at: token.expiresAt.toISOString(), reason },
    });
    return true;
  }
}
