import { randomBytes, randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Caller } from '../access/index.js';
import { Audit, type AuditAction } from '../audit/index.js';
import { inTransaction, isUniqueViolation } from '../database/index.js';
import { DerivedKeys } from '../encryption/index.js';
import { badRequest } from '../protocol/index.js';
import { ScopesService } from '../scopes/index.js';
import { authenticatesWithSecret } from './client-capabilities.js';
import { ClientLock } from './client-lock.js';
import { generateClientSecret, type NewClientSecret, pepperPurpose, secretRandomLength } from './client-secret.js';
import { changedSettings, newSettings } from './client-settings.js';
import { ClientRepository } from './client.repository.js';
import type { Client, ClientSettings } from './client.js';
import type { CreateClientBody, UpdateClientBody } from './clients.dto.js';
import { ClientIdTaken, ClientNotFound } from './clients.errors.js';

/** A client that has just been registered, and the one look at its secret. */
export interface RegisteredClient {
  readonly client: Client;
  /** `undefined` for a client that authenticates in another way. */
  readonly secret: NewClientSecret | undefined;
}

/** The use cases that make, change and remove a client. Each one is one transaction, its audit entry included. */
@Injectable()
export class ClientsService {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(ClientRepository) private readonly clients: ClientRepository,
    @Inject(ClientLock) private readonly lock: ClientLock,
    @Inject(ScopesService) private readonly scopes: ScopesService,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(DerivedKeys) private readonly derivedKeys: DerivedKeys,
  ) {}

  /**
   * Registers a client (RFC 7591 §3).
   *
   * @throws Problem 400 with every fault, 403 when the caller's token does not cover the new client
   * @throws ClientIdTaken
   */
  async create(caller: Caller, body: CreateClientBody): Promise<RegisteredClient> {
    const settings = newSettings(body);
    this.lock.permit(caller, settings);
    try {
      return await inTransaction(this.dataSource, async (tx) => {
        const registered = await this.register(tx, body.client_id ?? randomUUID(), settings);
        await this.record(tx, caller, 'client.created', registered.client.clientId, { scope: settings.scope });
        return registered;
      });
    } catch (error) {
      throw isUniqueViolation(error, 'clients_pkey') ? new ClientIdTaken() : error;
    }
  }

  /**
   * Applies a JSON merge patch (RFC 7396) to the client as it is when the patch's turn comes: of two patches at once each one
   * changes the members that it names, and the later one wins where both name the same. A patch that changes nothing is no write.
   *
   * @throws ClientNotFound, LastAdministrator
   * @throws Problem 400 with every fault, 403 when the caller's token does not cover the client before and after
   */
  async update(caller: Caller, clientId: string, patch: UpdateClientBody): Promise<Client> {
    return inTransaction(this.dataSource, async (tx) => {
      const before = await this.lock.acquire(tx, caller, clientId);
      const after = changedSettings(before, patch);
      const changed = (Object.keys(after) as (keyof ClientSettings)[]).filter(
        (member) => !isDeepStrictEqual(after[member], before[member]),
      );
      if (changed.length === 0) return before;
      this.lock.permit(caller, after);
      if (changed.includes('scope')) await this.requireRegistered(tx, after.scope);
      await this.lock.spare(tx, before, after);
      await this.clients.update(tx, clientId, after, changed.includes('status') && after.status === 'disabled');
      await this.record(tx, caller, actionFor(changed, after), clientId, { changed: changed.map(memberName) });
      return this.read(tx, clientId);
    });
  }

  /**
   * Deletes the client: its live tokens end, and its identifier stays taken for ever.
   *
   * @throws ClientNotFound, LastAdministrator
   * @throws Problem 403 when the caller's token does not cover the client
   */
  async delete(caller: Caller, clientId: string): Promise<void> {
    await inTransaction(this.dataSource, async (tx) => {
      const client = await this.lock.acquire(tx, caller, clientId);
      await this.lock.spare(tx, client, undefined);
      await this.clients.delete(tx, clientId);
      await this.record(tx, caller, 'client.deleted', clientId);
    });
  }

  private async register(tx: EntityManager, clientId: string, settings: ClientSettings): Promise<RegisteredClient> {
    await this.requireRegistered(tx, settings.scope);
    await this.clients.insert(tx, clientId, settings);
    let secret: NewClientSecret | undefined;
    if (authenticatesWithSecret(settings.tokenEndpointAuthMethod)) {
      secret = generateClientSecret(this.derivedKeys.derive(pepperPurpose), randomBytes(secretRandomLength));
      await this.clients.insertSecret(tx, clientId, secret);
    }
    return { client: await this.read(tx, clientId), secret };
  }

  private async requireRegistered(tx: EntityManager, scope: readonly string[]): Promise<void> {
    const unregistered = await this.scopes.unregistered(tx, scope);
    if (unregistered.length === 0) return;
    throw badRequest(unregistered.map((name) => ({ pointer: '/scope', detail: `${name} is not a registered scope` })));
  }

  private async read(tx: EntityManager, clientId: string): Promise<Client> {
    const client = await this.clients.find(tx, clientId);
    if (client === undefined) throw new ClientNotFound();
    return client;
  }

  private async record(
    tx: EntityManager,
    { clientId: actorClientId, origin }: Caller,
    action: AuditAction,
    targetId: string,
    details?: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    await this.audit.record(tx, { action, actorClientId, targetType: 'client', targetId, origin, details });
  }
}

/** One write is one entry: a change of the status names it, whatever else changes with it. */
function actionFor(changed: readonly (keyof ClientSettings)[], after: ClientSettings): AuditAction {
  if (!changed.includes('status')) return 'client.updated';
  return after.status === 'disabled' ? 'client.disabled' : 'client.enabled';
}

/** The name of a setting in JSON. */
function memberName(member: keyof ClientSettings): string {
  return member.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
