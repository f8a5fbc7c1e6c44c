import { Inject, Injectable } from '@nestjs/common';
import { DeliveryTokens, type TokenGrounds } from '../../token/index.js';
import type { SendableSubscription } from '../subscriptions/index.js';

interface Kept {
  readonly version: string;
  readonly token: string;
  readonly grounds: TokenGrounds;
  /** `performance.now()` until which it is sent. */
  readonly until: number;
}

/** Subscriptions whose token is kept; the one that was issued longest ago leaves first. */
const capacity = 10_000;

/** The part of its life during which a token is sent. */
const used = 0.8;

/**
 * The tokens that go with deliveries. Each is kept for most of its life: until the subscription changes, its receiver refuses it, or
 * it is no longer what its client could get – which the database of record is asked before each delivery.
 */
@Injectable()
export class DeliveryAuthorization {
  private readonly kept = new Map<string, Kept>();
  private readonly asking = new Map<string, Promise<string | undefined>>();

  constructor(@Inject(DeliveryTokens) private readonly tokens: DeliveryTokens) {}

  /**
   * The bearer token for a subscription that asks for one.
   *
   * @returns `undefined` when it may have none any more
   * @throws DatabaseUnavailable when none can be issued, and when nobody can say whether the one that is kept is live
   */
  async tokenOf(subscription: SendableSubscription): Promise<string | undefined> {
    const { id, version } = subscription;
    const kept = this.kept.get(id);
    if (kept?.version === version && kept.until > performance.now()) {
      if (await this.tokens.holds(kept.grounds)) return kept.token;
      // Another delivery may have found that first.
      if (this.kept.get(id) !== kept) return this.tokenOf(subscription);
      this.kept.delete(id);
    }
    return this.issuedOnce(subscription);
  }

  /** Deliveries of one moment that need a new token are given the same. */
  private issuedOnce(subscription: SendableSubscription): Promise<string | undefined> {
    const key = `${subscription.id} ${subscription.version}`;
    const asked = this.asking.get(key);
    if (asked !== undefined) return asked;
    const asking = this.issue(subscription).finally(() => this.asking.delete(key));
    this.asking.set(key, asking);
    return asking;
  }

  /** Forgets a token that its receiver has refused. */
  refused({ id }: SendableSubscription, token: string): void {
    if (this.kept.get(id)?.token === token) this.kept.delete(id);
  }

  private async issue({ id, version, url, token }: SendableSubscription): Promise<string | undefined> {
    if (token === null || url === null) return undefined;
    const beganAt = performance.now();
    const issued = await this.tokens.issue({ url, ...token });
    this.kept.delete(id);
    if (issued === undefined) return undefined;
    const { token: bearer, grounds, lifetimeSeconds } = issued;
    this.kept.set(id, { version, token: bearer, grounds, until: beganAt + lifetimeSeconds * 1_000 * used });
    if (this.kept.size > capacity) this.forgetOldest();
    return bearer;
  }

  private forgetOldest(): void {
    const oldest = this.kept.keys().next();
    if (oldest.done !== true) this.kept.delete(oldest.value);
  }
}
