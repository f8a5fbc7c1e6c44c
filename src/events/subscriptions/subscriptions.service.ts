import { isDeepStrictEqual } from 'node:util';
import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { Caller } from '../../access/index.js';
import { Clock } from '../../clock/index.js';
import { ServerConfig } from '../../config/index.js';
import { afterCommit, inTransaction } from '../../database/index.js';
import { Egress } from '../../egress/index.js';
import { newUuid } from '../../identifiers/index.js';
import { lanes, LaneSignal } from '../records/index.js';
import { DeletedSubscriptions } from './deleted-subscriptions.js';
import { DeliveryScope } from './delivery-scope.js';
import { SigningSecretsService } from './signing-secrets.service.js';
import { requireAuthority } from './subscription-authority.js';
import { journalled, SubscriptionJournal } from './subscription-journal.js';
import { changedSettings, type CheckTarget, newSettings } from './subscription-settings.js';
import { SubscriptionRepository } from './subscription.repository.js';
import { defaultSettings, type Subscription, type SubscriptionSettings } from './subscription.js';
import type { CreateSubscriptionBody, UpdateSubscriptionBody } from './subscriptions.dto.js';
import { SubscriptionNotFound } from './subscriptions.errors.js';

/** A new subscription, and the one look at its signing secret. */
export interface CreatedSubscription {
  readonly subscription: Subscription;
  readonly signingSecret: string;
}

type SettingName = keyof SubscriptionSettings;

/** The use cases that make, change and remove a subscription. Each one is one transaction, its audit entry included. */
@Injectable()
export class SubscriptionsService {
  private readonly checkTarget: CheckTarget;

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SubscriptionRepository) private readonly subscriptions: SubscriptionRepository,
    @Inject(DeliveryScope) private readonly scope: DeliveryScope,
    @Inject(SigningSecretsService) private readonly secrets: SigningSecretsService,
    @Inject(SubscriptionJournal) private readonly journal: SubscriptionJournal,
    @Inject(DeletedSubscriptions) private readonly deleted: DeletedSubscriptions,
    @Inject(LaneSignal) private readonly signal: LaneSignal,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Egress) private readonly egress: Egress,
    @Inject(ServerConfig) { issuer }: ServerConfig,
  ) {
    this.checkTarget = (url) => egress.checkTarget(url) ?? ownOriginFault(url, issuer);
  }

  /**
   * Makes a subscription: it gets every matching event that is committed after it.
   *
   * @throws Problem 400 with every fault, 403 when the caller's token does not cover what the subscription sends
   */
  async create(caller: Caller, body: CreateSubscriptionBody): Promise<CreatedSubscription> {
    const unfit = await this.lookUp(body.url);
    const settings = newSettings(body, caller.clientId, (url) => this.checkTarget(url) ?? unfit);
    return inTransaction(this.dataSource, async (tx) => {
      const settled = await this.scope.settle(tx, undefined, settings);
      requireAuthority(caller, settled);
      const id = newUuid(this.clock.now());
      await this.subscriptions.insert(tx, id, settled, caller.clientId);
      const signingSecret = await this.secrets.give(tx, id);
      await this.journal.record(tx, caller, 'subscription.created', id, journalled(settled));
      return { subscription: await this.read(tx, id), signingSecret };
    });
  }

  /**
   * Applies a JSON merge patch (RFC 7396) to the subscription as it is when the patch's turn comes. A patch that changes nothing
   * is no write. Resumed or led to another URL, the subscription begins with a closed breaker.
   *
   * @throws SubscriptionNotFound
   * @throws Problem 400 with every fault, 403 when the caller's token does not cover the subscription before and after
   */
  async update(caller: Caller, id: string, patch: UpdateSubscriptionBody): Promise<Subscription> {
    const unfit = await this.lookUp(patch.url);
    return inTransaction(this.dataSource, async (tx) => {
      const before = await this.acquire(tx, caller, id);
      // What is as it was need not be found just now.
      const checkTarget: CheckTarget = (url) => this.checkTarget(url) ?? (url === before.url ? undefined : unfit);
      const merged = changedSettings(before, patch, caller.clientId, checkTarget);
      const after = await this.scope.settle(tx, before, merged);
      const changed = (Object.keys(defaultSettings) as SettingName[]).filter(
        (member) => !isDeepStrictEqual(after[member], before[member]),
      );
      if (changed.length === 0) return before;
      requireAuthority(caller, after);
      await this.subscriptions.update(tx, id, after, after.status === 'active' ? null : before.pausedReason);
      const anew = (changed.includes('status') && after.status === 'active') || changed.includes('url');
      if (anew) await this.subscriptions.closeBreaker(tx, id);
      this.hint(tx, id);
      const details = { ...(changed.includes('url') ? journalled(after) : {}), changed: memberNames(changed) };
      await this.journal.record(tx, caller, actionFor(changed, after), id, details);
      return this.read(tx, id);
    });
  }

  /**
   * Deletes the subscription: nothing is sent any more from the commit on, and what was to be sent is cancelled.
   *
   * @throws SubscriptionNotFound
   * @throws Problem 403 when the caller's token does not cover the subscription
   */
  async delete(caller: Caller, id: string): Promise<void> {
    await inTransaction(this.dataSource, async (tx) => {
      const subscription = await this.acquire(tx, caller, id);
      await this.subscriptions.delete(tx, id);
      await this.journal.record(tx, caller, 'subscription.deleted', id, journalled(subscription));
      afterCommit(tx, () => this.deleted.cancelSoon(id));
    });
  }

  /** Before the transaction, which shall not wait for a name. */
  private async lookUp(url: string | null | undefined): Promise<string | undefined> {
    return typeof url === 'string' ? this.egress.lookUpTarget(url) : undefined;
  }

  /** The subscription, for a write of `caller`. */
  private async acquire(tx: EntityManager, caller: Caller, id: string): Promise<Subscription> {
    const subscription = await this.subscriptions.lock(tx, id);
    if (subscription === undefined) throw new SubscriptionNotFound();
    requireAuthority(caller, subscription);
    return subscription;
  }

  private async read(tx: EntityManager, id: string): Promise<Subscription> {
    const subscription = await this.subscriptions.find(tx, id);
    if (subscription === undefined) throw new SubscriptionNotFound();
    return subscription;
  }

  /** What was held, or waited for its turn, may be due now. */
  private hint(tx: EntityManager, subscriptionId: string): void {
    afterCommit(tx, () => {
      for (const lane of lanes) this.signal.raise({ subscriptionId, lane });
    });
  }
}

/** One write is one entry: a change of the status names it, whatever else changes with it. */
function actionFor(changed: readonly SettingName[], { status }: SubscriptionSettings) {
  if (!changed.includes('status')) return 'subscription.updated';
  return status === 'paused' ? 'subscription.paused' : 'subscription.resumed';
}

/** The members in JSON that settings come from. */
function memberNames(settings: readonly SettingName[]): string[] {
  const names = settings.map((setting) => {
    if (setting === 'retryBackoffSeconds') return 'retry';
    if (setting.startsWith('auth')) return 'auth';
    return setting.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  });
  return [...new Set(names)].toSorted();
}

/** Whatever port and path: a token meant for that origin would be one that is meant for this server. */
function ownOriginFault(url: string, issuer: string): string | undefined {
  return new URL(url).origin === new URL(issuer).origin ? 'must not lead to this server' : undefined;
}
