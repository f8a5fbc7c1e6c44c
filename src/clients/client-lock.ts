import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Caller } from '../access/index.js';
import { ServerConfig } from '../config/index.js';
import { requireAuthority } from './client-authority.js';
import { ClientRepository } from './client.repository.js';
import { type Client, type ClientSettings, isAdministrator, isClientId } from './client.js';
import { ClientNotFound, LastAdministrator } from './clients.errors.js';

/** What every write to a client goes through: the row lock, the authority of the caller, and the last administrator's rule. */
@Injectable()
export class ClientLock {
  constructor(
    @Inject(ClientRepository) private readonly clients: ClientRepository,
    @Inject(ServerConfig) private readonly server: ServerConfig,
  ) {}

  /**
   * The client as it is, for a write of `caller`; nobody else writes to it before the transaction ends.
   *
   * @throws ClientNotFound
   * @throws Problem 403 when the caller's token does not cover the client
   */
  async acquire(tx: EntityManager, caller: Caller, clientId: string): Promise<Client> {
    const client = isClientId(clientId) ? await this.clients.lock(tx, clientId) : undefined;
    if (client === undefined) throw new ClientNotFound();
    requireAuthority(caller.scopes, this.server.issuer, client, undefined);
    return client;
  }

  /**
   * Lets the caller make the client what `after` says.
   *
   * @throws Problem 403 when the caller's token does not cover that
   */
  permit(caller: Caller, after: ClientSettings): void {
    requireAuthority(caller.scopes, this.server.issuer, undefined, after);
  }

  /**
   * Lets a write take `before` its place as an administrator, where it has one and loses it.
   *
   * @param after `undefined` when the client, or its last way to authenticate, goes
   * @throws LastAdministrator when there is no other
   */
  async spare(tx: EntityManager, before: Client, after: ClientSettings | undefined): Promise<void> {
    if (!isAdministrator(before) || (after !== undefined && isAdministrator(after))) return;
    // Of two that delete each other, the second looks only once the first has committed.
    await this.clients.lockAdministrators(tx);
    if (!(await this.clients.hasOtherAdministrator(tx, before.clientId))) throw new LastAdministrator();
  }
}
