import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { ClientRepository } from '../../clients/index.js';
import { badRequest, isOwnScope, scopeCovers } from '../../protocol/index.js';
import { ScopesService } from '../../scopes/index.js';
import type { SubscriptionSettings } from './subscription.js';

/** What a subscription has to do with its client: whether there is one, and what the tokens that are sent may hold. */
@Injectable()
export class DeliveryScope {
  constructor(
    @Inject(ClientRepository) private readonly clients: ClientRepository,
    @Inject(ScopesService) private readonly scopes: ScopesService,
  ) {}

  /**
   * The settings with the scope of the tokens that are sent. It is settled at the write, so that what is sent never grows by
   * itself: each scope is allowed for the client and none is this server's own; left out, it is all that the client may have
   * beside those.
   *
   * @param before `undefined` for a new subscription; what a write leaves as it is, is not judged anew
   * @throws Problem 400 for a client that there is not, and for a scope that it may not have
   */
  async settle(
    tx: EntityManager,
    before: SubscriptionSettings | undefined,
    after: SubscriptionSettings,
  ): Promise<SubscriptionSettings> {
    const { authScope, authType, clientId } = after;
    if (clientId === null) return after;
    const sends = authType === 'oauth2';
    const newScope = sends && (before?.authType !== 'oauth2' || authScope !== before.authScope);
    if (clientId === before?.clientId && !newScope) return after;
    const client = await this.clients.find(tx, clientId);
    if (client === undefined) throw badRequest([{ pointer: '/client_id', detail: 'is no client' }]);
    if (!sends) return after;
    if (client.dpopBoundAccessTokens || client.tlsClientCertificateBoundAccessTokens) {
      throw badRequest([{ pointer: '/client_id', detail: 'gets bound tokens only, which this server cannot send' }]);
    }
    if (authScope === null) return { ...after, authScope: client.scope.filter((scope) => !isOwnScope(scope)) };
    const refused = await this.refused(tx, client.scope, authScope);
    if (refused.length === 0) return after;
    throw badRequest(
      refused.map((scope) => ({ pointer: '/auth/scope', detail: `${scope} is not allowed for this client` })),
    );
  }

  private async refused(tx: EntityManager, allowed: readonly string[], asked: readonly string[]): Promise<string[]> {
    const byName = asked.filter((scope) => !allowed.includes(scope));
    const unregistered = await this.scopes.unregistered(tx, byName);
    return byName.filter((scope) => unregistered.includes(scope) || !allowed.some((one) => scopeCovers(one, scope)));
  }
}
