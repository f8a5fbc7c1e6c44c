import { randomBytes, randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Caller } from '../access/index.js';
import { inTransaction, isUniqueViolation } from '../database/index.js';
import { Egress } from '../egress/index.js';
import { DerivedKeys } from '../encryption/index.js';
import { badRequest } from '../protocol/index.js';
import { ScopesService } from '../scopes/index.js';
import { authenticatesWithSecret } from './client-capabilities.js';
import { type ClientChange, ClientJournal } from './client-journal.js';
import { ClientLock } from './client-lock.js';
import { generateClientSecret, type NewClientSecret, pepperPurpose, secretRandomLength } from './client-secret.js';
import { type CheckTarget, changedSettings, newSettings } from './client-settings.js';
import { ClientRepository } from './client.repository.js';
import type { Client, ClientSettings } from './client.js';
import type { CreateClientBody, UpdateClientBody } from './clients.dto.js';
import { ClientIdTaken, ClientNotFound } from './clients.errors.js';

/** A client as a write has left it, and the one look at the secret that it got with that. */
export interface WrittenClient {
  readonly client: Client;
  /** `undefined`: it got none. */
  readonly secret: NewClientSecret | undefined;
}

/** The use cases that make, change and remove a client. Each one is one transaction, its audit entry included. */
@Injectable()
export class ClientsService {
  private readonly checkTarget: CheckTarget;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(ClientRepository) private readonly clients: ClientRepository,
    @Inject(ClientLock) private readonly lock: ClientLock,
    @Inject(ScopesService) private readonly scopes: ScopesService,
    @Inject(ClientJournal) private readonly journal: ClientJournal,
    @Inject(DerivedKeys) private readonly derivedKeys: DerivedKeys,
    @Inject(Egress) private readonly egress: Egress,
  ) {
    this.checkTarget = (url) => egress.checkTarget(url);
  }

  /**
   * Registers a client (RFC 7591 §3).
   *
   * @throws Problem 400 with every fault, 403 when the caller's token does not cover the new client
   * @throws ClientIdTaken
   */
  async create(caller: Caller, body: CreateClientBody): Promise<WrittenClient> {
    const unfit = await this.lookUp(body.jwks_uri);
    const settings = newSettings(body, (url) => this.checkTarget(url) ?? unfit);
    this.lock.permit(caller, settings);
    try {
      return await inTransaction(this.dataSource, async (tx) => {
        const written = await this.register(tx, body.client_id ?? randomUUID(), settings);
        const { clientId, tokenEpoch: epoch } = written.client;
        const details = { scope: settings.scope };
        await this.journal.record(tx, caller, { action: 'client.created', clientId, epoch }, details);
        return written;
      });
    } catch (error) {
      throw isUniqueViolation(error, 'clients_pkey') ? new ClientIdTaken() : error;
    }
  }

  /**
   * Applies a JSON merge patch (RFC 7396) to the client as it is when the patch's turn comes: of two patches at once each one
   * changes the members that it names, and the later one wins where both name the same. A patch that changes nothing is no write.
   *
   * A client that begins to authenticate with a secret gets one; one that no longer does loses its secrets.
   *
   * @throws ClientNotFound, LastAdministrator
   * @throws Problem 400 with every fault, 403 when the caller's token does not cover the client before and after
   */
  async update(caller: Caller, clientId: string, patch: UpdateClientBody): Promise<WrittenClient> {
    const unfit = await this.lookUp(patch.jwks_uri);
    return inTransaction(this.dataSource, async (tx) => {
      const before = await this.lock.acquire(tx, caller, clientId);
      // What is as it was need not be found just now.
      const checkTarget: CheckTarget = (url) => this.checkTarget(url) ?? (url === before.jwksUri ? undefined : unfit);
      const after = changedSettings(before, patch, checkTarget);
      const changed = (Object.keys(after) as (keyof ClientSettings)[]).filter(
        (member) => !isDeepStrictEqual(after[member], before[member]),
      );
      if (changed.length === 0) return { client: before, secret: undefined };
      this.lock.permit(caller, after);
      if (changed.includes('scope')) await this.requireRegistered(tx, after.scope);
      await this.lock.spare(tx, before, after);
      await this.clients.update(tx, clientId, after);
      const secret = await this.changeSecrets(tx, before, after);
      const action = actionFor(changed, after);
      const epoch =
        action === 'client.disabled'
          ? await this.clients.cutTokens(tx, clientId, 'client_disabled')
          : before.tokenEpoch;
      const change: ClientChange = { action, clientId, epoch, changed: changed.map(memberName).toSorted() };
      await this.journal.record(tx, caller, { ...change, secretId: secret?.secretId });
      return { client: await this.read(tx, clientId), secret };
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
      const epoch = await this.clients.cutTokens(tx, clientId, 'client_deleted');
      await this.journal.record(tx, caller, { action: 'client.deleted', clientId, epoch });
    });
  }

  /** Before the transaction, which shall not wait for a name. */
  private async lookUp(url: string | null | undefined): Promise<string | undefined> {
    return typeof url === 'string' ? this.egress.lookUpTarget(url) : undefined;
  }

  private async register(tx: EntityManager, clientId: string, settings: ClientSettings): Promise<WrittenClient> {
    await this.requireRegistered(tx, settings.scope);
    await this.clients.insert(tx, clientId, settings);
    const secret = authenticatesWithSecret(settings.tokenEndpointAuthMethod)
      ? await this.giveSecret(tx, clientId)
      : undefined;
    return { client: await this.read(tx, clientId), secret };
  }

  /** Secrets are there exactly as long as the client authenticates with them. */
  private async changeSecrets(
    tx: EntityManager,
    { clientId, tokenEndpointAuthMethod: before }: Client,
    { tokenEndpointAuthMethod: after }: ClientSettings,
  ): Promise<NewClientSecret | undefined> {
    if (authenticatesWithSecret(before) === authenticatesWithSecret(after)) return undefined;
    await this.clients.deleteSecrets(tx, clientId);
    return authenticatesWithSecret(after) ? this.giveSecret(tx, clientId) : undefined;
  }

  private async giveSecret(tx: EntityManager, clientId: string): Promise<NewClientSecret> {
    const pepper = this.derivedKeys.derive(pepperPurpose);
    const secret = generateClientSecret(pepper, randomBytes(secretRandomLength));
    await this.clients.insertSecret(tx, clientId, secret);
    return secret;
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
}

/** One write is one entry: a change of the status names it, whatever else changes with it. */
function actionFor(changed: readonly (keyof ClientSettings)[], after: ClientSettings): ClientChange['action'] {
  if (!changed.includes('status')) return 'client.updated';
  return after.status === 'disabled' ? 'client.disabled' : 'client.enabled';
}

/** The name of a setting in JSON. */
function memberName(member: keyof ClientSettings): string {
  return member.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
