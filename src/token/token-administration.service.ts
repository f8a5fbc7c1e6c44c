import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Caller } from '../access/index.js';
import { Audit } from '../audit/index.js';
import { ClientLock, ClientNotFound, ClientRepository } from '../clients/index.js';
import { inTransaction } from '../database/index.js';
import { isUuid } from '../identifiers/index.js';
import { Outbox } from '../outbox/index.js';
import { TokenRevocations } from './revocation/token-revocations.service.js';
import { TokenRepository } from './token.repository.js';
import { TokenNotFound } from './tokens.errors.js';

const defaultReason = 'revoked_by_admin';

/** The use cases by which an operator ends tokens. */
@Injectable()
export class TokenAdministration {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(ClientLock) private readonly lock: ClientLock,
    @Inject(ClientRepository) private readonly clients: ClientRepository,
    @Inject(TokenRepository) private readonly tokens: TokenRepository,
    @Inject(TokenRevocations) private readonly revocations: TokenRevocations,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(Outbox) private readonly outbox: Outbox,
  ) {}

  /**
   * Ends one access token. One that has ended already is left as it is.
   *
   * @throws TokenNotFound when there is no record of it
   * @throws Problem 403 when the caller's token does not cover the client that it was issued to (security.md D8)
   */
  async revoke(caller: Caller, jti: string, reason = defaultReason): Promise<void> {
    if (!isUuid(jti)) throw new TokenNotFound();
    await inTransaction(this.dataSource, async (tx) => {
      const clientId = await this.tokens.clientOf(tx, jti);
      if (clientId === undefined) throw new TokenNotFound();
      try {
        await this.lock.acquire(tx, caller, clientId);
      } catch (error) {
        // The tokens of a deleted client ended with it.
        if (error instanceof ClientNotFound) return;
        throw error;
      }
      await this.revocations.revoke(tx, jti, { reason, actorClientId: caller.clientId, origin: caller.origin });
    });
  }

  /**
   * Ends every token of the client that was issued before, refresh tokens included (security.md D5).
   *
   * @returns how many access tokens were live
   * @throws ClientNotFound
   * @throws Problem 403 when the caller's token does not cover the client
   */
  async revokeAll(caller: Caller, clientId: string): Promise<number> {
    return inTransaction(this.dataSource, async (tx) => {
      await this.lock.acquire(tx, caller, clientId);
      const revoked = await this.tokens.countLive(tx, clientId);
      const epoch = await this.clients.cutTokens(tx, clientId, 'tokens_revoked');
      await this.audit.record(tx, {
        action: 'token.revoked',
        actorClientId: caller.clientId,
        targetType: 'client',
        targetId: clientId,
        origin: caller.origin,
        details: { revoked },
      });
      await this.outbox.append(tx, {
        type: 'oauth.token.revoked',
        subject: clientId,
        data: { client_id: clientId, epoch: Number(epoch), reason: 'tokens_revoked' },
      });
      return revoked;
    });
  }
}
