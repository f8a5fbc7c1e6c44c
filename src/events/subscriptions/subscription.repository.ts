import { Injectable } from '@nestjs/common';
import { type EntityManager, In, IsNull } from 'typeorm';
import type { QueryDeepPartialEntity } from 'typeorm/query-builder/QueryPartialEntity.js';
import type { CursorPosition } from '../../database/index.js';
import { isUuid } from '../../identifiers/index.js';
import { SubscriptionEntity, SubscriptionSecretEntity } from '../records/index.js';
import type {
  FilterMembers,
  SigningSecretRecord,
  Subscription,
  SubscriptionSettings,
  SubscriptionStatus,
} from './subscription.js';

/** A subscription in a list, with its exact place: `createdAt` in microseconds, which a `Date` cannot hold. */
export interface ListedSubscription extends Subscription {
  readonly listedAt: string;
}

/** What a list of subscriptions is cut down to. */
export interface SubscriptionFilter {
  /** A part of the name or the URL, in any case. */
  readonly text: string | undefined;
  readonly status: SubscriptionStatus | undefined;
  /** The owner. */
  readonly clientId: string | undefined;
}

const preciseCreatedAt = `to_char(subscription.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/**
 * The queries on `subscriptions` of those who administer them. Every write raises the version of the subscription and that of the
 * registry, so that every copy in memory is known to be old from the commit on.
 *
 * Locks are taken in one order everywhere: `subscription_health`, `subscriptions`, `subscription_registry`.
 */
@Injectable()
export class SubscriptionRepository {
  /** The subscription with its secrets; `undefined` for an unknown or deleted one. */
  async find(manager: EntityManager, id: string): Promise<Subscription | undefined> {
    const entity = isUuid(id) ? await manager.findOneBy(SubscriptionEntity, { id, deletedAt: IsNull() }) : null;
    return entity === null ? undefined : (await withSecrets(manager, [entity]))[0];
  }

  /** As `find`; and nobody else writes to the subscription or its health before the transaction ends. */
  async lock(tx: EntityManager, id: string): Promise<Subscription | undefined> {
    if (!isUuid(id)) return undefined;
    await tx.query('SELECT 1 FROM subscription_health WHERE subscription_id = $1 FOR NO KEY UPDATE', [id]);
    // A weaker lock than for removing the row, which would wait for everybody who inserts a delivery.
    await tx.query('SELECT 1 FROM subscriptions WHERE id = $1 FOR NO KEY UPDATE', [id]);
    return this.find(tx, id);
  }

  /** Subscriptions after `after`, newest first. */
  async list(
    manager: EntityManager,
    filter: SubscriptionFilter,
    limit: number,
    after: CursorPosition | undefined,
  ): Promise<ListedSubscription[]> {
    const query = manager
      .createQueryBuilder(SubscriptionEntity, 'subscription')
      .addSelect(preciseCreatedAt, 'listed_at')
      .where('subscription.deleted_at IS NULL')
      .orderBy('subscription.createdAt', 'DESC')
      .addOrderBy('subscription.id', 'DESC')
      .limit(limit);
    const { text, status, clientId } = filter;
    if (status !== undefined) query.andWhere('subscription.status = :status', { status });
    if (clientId !== undefined) query.andWhere('subscription.client_id = :clientId', { clientId });
    if (text !== undefined) {
      // strpos knows no wildcards, so there is nothing to escape.
      query.andWhere(
        '(strpos(lower(subscription.name), lower(:text)) > 0 OR strpos(lower(subscription.url), lower(:text)) > 0)',
        { text },
      );
    }
    if (after !== undefined) {
      query.andWhere('(subscription.created_at, subscription.id) < (CAST(:at AS timestamptz), CAST(:id AS uuid))', {
        ...after,
      });
    }
    const { entities, raw } = await query.getRawAndEntities<{ listed_at: string }>();
    const subscriptions = await withSecrets(manager, entities);
    return subscriptions.map((subscription, index) => ({ ...subscription, listedAt: raw[index]?.listed_at ?? '' }));
  }

  /** Makes a subscription, and its row of health. */
  async insert(tx: EntityManager, id: string, settings: SubscriptionSettings, createdBy: string): Promise<void> {
    await tx.insert(SubscriptionEntity, { id, createdBy, ...columnsOf(settings) });
    await tx.query('INSERT INTO subscription_health (subscription_id) VALUES ($1)', [id]);
    await raiseRegistry(tx);
  }

  /** Whoever pauses it here has asked for it, and whoever does not is not gone any more. */
  async update(
    tx: EntityManager,
    id: string,
    settings: SubscriptionSettings,
    pausedReason: string | null,
  ): Promise<void> {
    await tx.update(SubscriptionEntity, { id }, { ...columnsOf(settings), pausedReason, ...touched() });
    await raiseRegistry(tx);
  }

  /** To be called once by every write that changes nothing but the secrets. */
  async touch(tx: EntityManager, id: string): Promise<void> {
    await tx.update(SubscriptionEntity, { id }, touched());
    await raiseRegistry(tx);
  }

  /** Leaves a tombstone, which deliveries refer to, without secrets. */
  async delete(tx: EntityManager, id: string): Promise<void> {
    await tx.delete(SubscriptionSecretEntity, { subscriptionId: id });
    await tx.update(SubscriptionEntity, { id }, { deletedAt: () => 'statement_timestamp()', ...touched() });
    await raiseRegistry(tx);
  }

  /**
   * Pauses a subscription whose endpoint is gone.
   *
   * @param version as the sender read it; one that has changed since is not paused
   * @returns whether it is paused by this
   */
  async pauseGone(tx: EntityManager, id: string, version: string): Promise<boolean> {
    await tx.query('SELECT 1 FROM subscription_health WHERE subscription_id = $1 FOR NO KEY UPDATE', [id]);
    const [, paused] = await tx.query<[unknown[], number]>(
      `UPDATE subscriptions SET status = 'paused', paused_reason = 'gone', version = version + 1,
         updated_at = statement_timestamp()
       WHERE id = $1 AND version = $2 AND status = 'active' AND deleted_at IS NULL`,
      [id, version],
    );
    if (paused === 0) return false;
    await raiseRegistry(tx);
    return true;
  }

  /**
   * Closes the breaker, as for an endpoint that has not failed yet. If it was open and deliveries wait for their next attempt, they
   * are to be let go: `probe_at` says so.
   */
  async closeBreaker(tx: EntityManager, id: string): Promise<void> {
    await tx.query(
      `UPDATE subscription_health SET breaker = 'closed', consecutive_failures = 0, opened_at = NULL, probe_delay_seconds = NULL,
         probe_at = CASE
           WHEN breaker = 'closed' THEN probe_at
           WHEN EXISTS (
             SELECT FROM deliveries d
             WHERE d.subscription_id = $1 AND d.lane IN ('security', 'state', 'bulk') AND d.status IN ('pending', 'retrying')
               AND d.due_at > statement_timestamp() AND d.due_at < 'infinity' AND d.lease_token IS NULL) THEN clock_timestamp()
         END
       WHERE subscription_id = $1`,
      [id],
    );
  }

  async insertSecret(tx: EntityManager, subscriptionId: string, id: string, ciphertext: Buffer): Promise<void> {
    await tx.insert(SubscriptionSecretEntity, {
      id,
      subscriptionId,
      ciphertext,
      createdAt: () => 'statement_timestamp()',
    });
  }

  /**
   * Ends the signing secrets of the subscription: at once, or within `seconds`.
   *
   * @returns how many still sign until then, and when the last of them ends
   */
  async endSecrets(
    tx: EntityManager,
    subscriptionId: string,
    seconds: number,
  ): Promise<{ readonly live: number; readonly until: Date | null }> {
    await tx.query(
      'DELETE FROM subscription_secrets WHERE subscription_id = $1 AND ($2 = 0 OR expires_at <= statement_timestamp())',
      [subscriptionId, seconds],
    );
    const [rows] = await tx.query<[{ expires_at: Date }[], number]>(
      `UPDATE subscription_secrets SET expires_at = least(expires_at, statement_timestamp() + make_interval(secs => $2))
       WHERE subscription_id = $1 RETURNING expires_at`,
      [subscriptionId, seconds],
    );
    const last = Math.max(...rows.map((row) => row.expires_at.getTime()));
    return { live: rows.length, until: rows.length === 0 ? null : new Date(last) };
  }
}

async function raiseRegistry(tx: EntityManager): Promise<void> {
  await tx.query('UPDATE subscription_registry SET version = version + 1');
}

function touched(): QueryDeepPartialEntity<SubscriptionEntity> {
  return { version: () => 'version + 1', updatedAt: () => 'statement_timestamp()' };
}

/** Exactly the columns that an admin may set. */
function columnsOf(settings: SubscriptionSettings) {
  return {
    name: settings.name,
    delivery: settings.delivery,
    url: settings.url,
    eventTypes: [...settings.eventTypes],
    source: settings.source,
    filter: settings.filter === null ? null : JSON.stringify(settings.filter),
    clientId: settings.clientId,
    headers: { ...settings.headers },
    retryBackoffSeconds: settings.retryBackoffSeconds === null ? null : [...settings.retryBackoffSeconds],
    timeoutMs: settings.timeoutMs,
    maxInFlight: settings.maxInFlight,
    rateLimitPerSecond: settings.rateLimitPerSecond,
    ordering: settings.ordering,
    authType: settings.authType,
    authScope: settings.authScope === null ? null : [...settings.authScope],
    authResource: settings.authResource,
    status: settings.status,
  };
}

async function withSecrets(manager: EntityManager, entities: readonly SubscriptionEntity[]): Promise<Subscription[]> {
  if (entities.length === 0) return [];
  const rows = await manager
    .createQueryBuilder(SubscriptionSecretEntity, 'secret')
    .select(['secret.id', 'secret.subscriptionId', 'secret.createdAt', 'secret.expiresAt'])
    .where({ subscriptionId: In(entities.map(({ id }) => id)) })
    .andWhere('(secret.expires_at IS NULL OR secret.expires_at > statement_timestamp())')
    .orderBy('secret.createdAt', 'DESC')
    .addOrderBy('secret.id', 'DESC')
    .getMany();
  return entities.map((entity) =>
    toSubscription(
      entity,
      rows.filter(({ subscriptionId }) => subscriptionId === entity.id),
    ),
  );
}

function toSubscription(entity: SubscriptionEntity, secrets: readonly SubscriptionSecretEntity[]): Subscription {
  const { deletedAt: _, filter, client: __, ...subscription } = entity;
  return {
    ...subscription,
    filter: filter === null ? null : (JSON.parse(filter) as FilterMembers),
    secrets: secrets.map(toSecret),
  };
}

function toSecret({ id, createdAt, expiresAt }: SubscriptionSecretEntity): SigningSecretRecord {
  return { secretId: id, createdAt, expiresAt };
}
