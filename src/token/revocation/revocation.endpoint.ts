import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Audit } from '../../audit/index.js';
import type { ClientSnapshot } from '../../clients/index.js';
import { inTransaction } from '../../database/index.js';
import { parseSecret } from '../../protocol/index.js';
import { AccessTokenReader, type ReadAccessToken } from '../access-token-reader.js';
import { type ClientRequest, ClientRequests } from '../client-requests.service.js';
import { RefreshFamilies } from '../refresh/index.js';
import { TokenRepository } from '../token.repository.js';
import { TokenRevocations } from './token-revocations.service.js';

const reason = 'revoked_by_client';

/** `POST /oauth/revoke` (RFC 7009), past the wire. */
@Injectable()
export class RevocationEndpoint {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(ClientRequests) private readonly requests: ClientRequests,
    @Inject(AccessTokenReader) private readonly tokens: AccessTokenReader,
    @Inject(TokenRepository) private readonly repository: TokenRepository,
    @Inject(TokenRevocations) private readonly revocations: TokenRevocations,
    @Inject(RefreshFamilies) private readonly families: RefreshFamilies,
    @Inject(Audit) private readonly audit: Audit,
  ) {}

  /**
   * Ends the client's own token, and with a refresh token its whole family. What is unknown, expired, garbage or somebody
   * else's is left as it is, and answered alike (RFC 7009 §2.2).
   *
   * @throws OAuthError `invalid_client`
   * @throws DatabaseUnavailable when it cannot be stored; then the token lives on
   */
  async answer(request: ClientRequest, token: string): Promise<void> {
    await this.requests.answer(request, async ({ client }) => {
      const read = await this.tokens.read(token);
      return inTransaction(this.dataSource, async (tx) => {
        if (!(await this.repository.isCurrent(tx, client))) return undefined;
        if (parseSecret(token)?.kind === 'signet_rt') await this.revokeFamily(tx, request, client, token);
        else if (read !== undefined) await this.revokeAccessToken(tx, request, client, read);
        return true;
      });
    });
  }

  private async revokeAccessToken(
    tx: EntityManager,
    request: ClientRequest,
    client: ClientSnapshot,
    { claims }: ReadAccessToken,
  ): Promise<void> {
    if (claims.client_id !== client.clientId) return this.noteForeign(request, 'token', claims.jti);
    await this.revocations.revoke(tx, claims.jti, {
      reason,
      actorClientId: client.clientId,
      origin: request.origin,
    });
  }

  private async revokeFamily(
    tx: EntityManager,
    request: ClientRequest,
    client: ClientSnapshot,
    token: string,
  ): Promise<void> {
    const family = await this.families.familyOf(tx, token);
    if (family === undefined) return;
    if (family.clientId !== client.clientId) return this.noteForeign(request, 'refresh_family', family.id);
    const revoked = await this.families.revoke(tx, family.id, reason);
    if (revoked === undefined) return;
    await this.audit.record(tx, {
      action: 'token.revoked',
      actorClientId: client.clientId,
      targetType: 'refresh_family',
      targetId: family.id,
      origin: request.origin,
      details: { reason, access_tokens: revoked.length },
    });
  }

  /** security.md I-11: the answer tells nothing, the log does. */
  private async noteForeign(
    { credentials, origin }: ClientRequest,
    targetType: 'token' | 'refresh_family',
    targetId: string,
  ): Promise<void> {
    await this.audit.recordRefusal({
      action: 'token.revocation_denied',
      actorClientId: credentials.clientId,
      targetType,
      targetId,
      origin,
      details: { reason: 'foreign_token' },
      error: 'foreign_token',
    });
  }
}
