import { Injectable } from '@nestjs/common';
import { type EntityManager, In, Not } from 'typeorm';
import type { QueryDeepPartialEntity } from 'typeorm/query-builder/QueryPartialEntity.js';
import type { CursorPosition } from '../database/index.js';
import { ScopeHolders } from '../scopes/index.js';
import { ClientSecretEntity } from './client-secret.entity.js';
import type { NewClientSecret } from './client-secret.js';
import { ClientEntity } from './client.entity.js';
import type { Client, ClientSecret, ClientSettings, ClientStatus } from './client.js';

/** A client in a list, with its exact place: `createdAt` in microseconds, which a `Date` cannot hold. */
export interface ListedClient extends Client {
  readonly listedAt: string;
}

/** What a list of clients is cut down to. */
export interface ClientFilter {
  /** A part of the identifier or the name, in any case. */
  readonly text: string | undefined;
  readonly status: ClientStatus | undefined;
}

/** Why the live tokens of a client ended all at once. */
export type TokenCutReason = 'client_disabled' | 'client_deleted' | 'tokens_revoked';

const preciseCreatedAt = `to_char(client.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** The only queries on `clients`. Every write makes cached copies stale by raising `version`. */
@Injectable()
export class ClientRepository extends ScopeHolders {
  /** The client with its secrets; `undefined` for an unknown or deleted one. */
  async find(manager: EntityManager, clientId: string): Promise<Client | undefined> {
    const entity = await manager.findOneBy(ClientEntity, { clientId, status: Not('deleted') });
    return entity === null ? undefined : (await withSecrets(manager, [entity]))[0];
  }

  /** As `find`; and no other write to the client or its secrets happens before the transaction ends. */
  async lock(tx: EntityManager, clientId: string): Promise<Client | undefined> {
    const entity = await tx.findOne(ClientEntity, {
      where: { clientId, status: Not('deleted') },
      lock: { mode: 'pessimistic_write' },
    });
    return entity === null ? undefined : (await withSecrets(tx, [entity]))[0];
  }

  /** Clients after `after`, newest first. */
  async list(
    manager: EntityManager,
    filter: ClientFilter,
    limit: number,
    after: CursorPosition | undefined,
  ): Promise<ListedClient[]> {
    const query = manager
      .createQueryBuilder(ClientEntity, 'client')
      .addSelect(preciseCreatedAt, 'listed_at')
      .where(`client.status <> 'deleted'`)
      .orderBy('client.createdAt', 'DESC')
      .addOrderBy('client.clientId', 'DESC')
      .limit(limit);
    const { text, status } = filter;
    if (status !== undefined) query.andWhere('client.status = :status', { status });
    if (text !== undefined) {
      // strpos knows no wildcards, so there is nothing to escape.
      query.andWhere(
        '(strpos(lower(client.client_id), lower(:text)) > 0 OR strpos(lower(client.client_name), lower(:text)) > 0)',
        { text },
      );
    }
    if (after !== undefined) {
      query.andWhere('(client.created_at, client.client_id) < (CAST(:at AS timestamptz), :id)', { ...after });
    }
    const { entities, raw } = await query.getRawAndEntities<{ listed_at: string }>();
    const clients = await withSecrets(manager, entities);
    return clients.map((client, index) => ({ ...client, listedAt: raw[index]?.listed_at ?? '' }));
  }

  /** Whether there is any client, or the tombstone of one. */
  async anyExists(manager: EntityManager): Promise<boolean> {
    return manager.exists(ClientEntity);
  }

  /** @throws QueryFailedError a violation of `clients_pkey` if the identifier is or was taken */
  async insert(tx: EntityManager, clientId: string, settings: ClientSettings): Promise<void> {
    await tx.insert(ClientEntity, { clientId, ...columnsOf(settings) });
  }

  async update(tx: EntityManager, clientId: string, settings: ClientSettings): Promise<void> {
    await tx.update(ClientEntity, { clientId }, { ...columnsOf(settings), ...touched() });
  }

  /** Leaves a tombstone, without secrets. */
  async delete(tx: EntityManager, clientId: string): Promise<void> {
    await tx.delete(ClientSecretEntity, { clientId });
    const tombstone = { status: 'deleted', deletedAt: () => 'statement_timestamp()', ...touched() };
    await tx.update(ClientEntity, { clientId }, tombstone);
  }

  /**
   * Ends every token of the client that was issued before this transaction commits, refresh tokens included. To be called by
   * whoever has locked the client.
   *
   * @returns the epoch that begins: tokens of a lower one are revoked
   */
  async cutTokens(tx: EntityManager, clientId: string, reason: TokenCutReason): Promise<string> {
    const [cut] = await tx.query<{ epoch: string }[]>(
      `WITH cut AS (
         UPDATE clients SET token_epoch = token_epoch + 1, version = version + 1 WHERE client_id = $1 RETURNING token_epoch
       )
       INSERT INTO client_token_cuts (client_id, client_epoch, reason) SELECT $1, token_epoch - 1, $2 FROM cut
       RETURNING client_epoch + 1 AS epoch`,
      [clientId, reason],
    );
    if (cut === undefined) throw new Error('there is no client to cut the tokens of');
    return cut.epoch;
  }

  override async anyHolds(tx: EntityManager, scope: string): Promise<boolean> {
    return tx
      .createQueryBuilder(ClientEntity, 'client')
      .where(`client.status <> 'deleted' AND client.scope @> ARRAY[CAST(:scope AS text)]`, { scope })
      .getExists();
  }

  /** Lets one transaction at a time take an administrator away; held until it ends. */
  async lockAdministrators(tx: EntityManager): Promise<void> {
    await tx.query(`SELECT pg_advisory_xact_lock(hashtext('signet.administrators'))`);
  }

  /** Whether a client other than this one is an administrator (`isAdministrator`). */
  async hasOtherAdministrator(tx: EntityManager, clientId: string): Promise<boolean> {
    return tx
      .createQueryBuilder(ClientEntity, 'client')
      .where(`client.client_id <> :clientId AND client.status = 'active'`, { clientId })
      .andWhere(`client.scope @> ARRAY['admin:full'] AND client.grant_types @> ARRAY['client_credentials']`)
      .getExists();
  }

  async insertSecret(tx: EntityManager, clientId: string, secret: NewClientSecret): Promise<void> {
    const { secretId, hash, hint } = secret;
    await tx.insert(ClientSecretEntity, { secretId, clientId, hash, hint, createdAt: () => 'statement_timestamp()' });
  }

  /** Ends every secret of the client at once. */
  async deleteSecrets(tx: EntityManager, clientId: string): Promise<void> {
    await tx.delete(ClientSecretEntity, { clientId });
  }

  /**
   * Forgets the expired secrets of the client, and lets the others end in `seconds` at the latest.
   *
   * @returns when the last of them ends
   */
  async endSecretsWithin(tx: EntityManager, clientId: string, seconds: number): Promise<Date | null> {
    await tx.query('DELETE FROM client_secrets WHERE client_id = $1 AND expires_at <= statement_timestamp()', [
      clientId,
    ]);
    const [rows] = await tx.query<[{ expires_at: Date }[], number]>(
      `UPDATE client_secrets SET expires_at = least(expires_at, statement_timestamp() + make_interval(secs => $2))
       WHERE client_id = $1 RETURNING expires_at`,
      [clientId, seconds],
    );
    const last = Math.max(...rows.map((row) => row.expires_at.getTime()));
    return rows.length === 0 ? null : new Date(last);
  }

  async deleteSecret(tx: EntityManager, clientId: string, secretId: string): Promise<void> {
    await tx.delete(ClientSecretEntity, { clientId, secretId });
  }

  /** The identifiers of the secrets that can be used now, by the clock of the database. */
  async liveSecretIds(tx: EntityManager, clientId: string): Promise<string[]> {
    const rows = await tx.query<{ secret_id: string }[]>(
      `SELECT secret_id FROM client_secrets
       WHERE client_id = $1 AND (expires_at IS NULL OR expires_at > statement_timestamp())`,
      [clientId],
    );
    return rows.map((row) => row.secret_id);
  }

  /** To be called once by every write that changes nothing but the secrets. */
  async touch(tx: EntityManager, clientId: string): Promise<void> {
    await tx.update(ClientEntity, { clientId }, touched());
  }
}

function touched(): QueryDeepPartialEntity<ClientEntity> {
  return { version: () => 'version + 1', updatedAt: () => 'statement_timestamp()' };
}

/** Exactly the columns that an admin may set. */
function columnsOf(settings: ClientSettings): QueryDeepPartialEntity<ClientEntity> {
  return {
    clientName: settings.clientName,
    description: settings.description,
    status: settings.status,
    grantTypes: [...settings.grantTypes],
    tokenEndpointAuthMethod: settings.tokenEndpointAuthMethod,
    scope: [...settings.scope],
    audience: [...settings.audience],
    resourceIdentifiers: [...settings.resourceIdentifiers],
    accessTokenTtlSeconds: settings.accessTokenTtlSeconds,
    refreshTokenTtlSeconds: settings.refreshTokenTtlSeconds,
    refreshTokenGraceSeconds: settings.refreshTokenGraceSeconds,
    jwks: settings.jwks as QueryDeepPartialEntity<ClientEntity['jwks']>,
    jwksUri: settings.jwksUri,
    dpopBoundAccessTokens: settings.dpopBoundAccessTokens,
    tlsClientAuthSubjectDn: settings.tlsClientAuthSubjectDn,
    tlsClientAuthSanDns: settings.tlsClientAuthSanDns,
    tlsClientAuthSanUri: settings.tlsClientAuthSanUri,
    tlsClientAuthSanIp: settings.tlsClientAuthSanIp,
    tlsClientAuthSanEmail: settings.tlsClientAuthSanEmail,
    tlsClientCertificateBoundAccessTokens: settings.tlsClientCertificateBoundAccessTokens,
    allowedNetworks: [...settings.allowedNetworks],
    rateLimitPerMinute: settings.rateLimitPerMinute,
    rateLimitPerDay: settings.rateLimitPerDay,
    rateLimitMode: settings.rateLimitMode,
    tokenCoalescingSeconds: settings.tokenCoalescingSeconds,
    contacts: [...settings.contacts],
    metadata: { ...settings.metadata },
  };
}

async function withSecrets(manager: EntityManager, entities: readonly ClientEntity[]): Promise<Client[]> {
  if (entities.length === 0) return [];
  const rows = await manager.find(ClientSecretEntity, {
    select: { secretId: true, clientId: true, hint: true, createdAt: true, expiresAt: true, lastUsedAt: true },
    where: { clientId: In(entities.map(({ clientId }) => clientId)) },
    order: { createdAt: 'DESC', secretId: 'ASC' },
  });
  return entities.map((entity) =>
    toClient(
      entity,
      rows.filter(({ clientId }) => clientId === entity.clientId),
    ),
  );
}

function toClient(entity: ClientEntity, secrets: readonly ClientSecretEntity[]): Client {
  const { version: _, deletedAt: __, ...client } = entity;
  return {
    ...client,
    refreshTokenGraceSeconds: entity.refreshTokenGraceSeconds ?? 0,
    rateLimitMode: entity.rateLimitMode === 'report' ? 'report' : 'enforce',
    tokenCoalescingSeconds: entity.tokenCoalescingSeconds ?? 0,
    status: entity.status === 'active' ? 'active' : 'disabled',
    secrets: secrets.map(toSecret),
  };
}

function toSecret({ secretId, hint, createdAt, expiresAt, lastUsedAt }: ClientSecretEntity): ClientSecret {
  return { secretId, hint, createdAt, expiresAt, lastUsedAt };
}
