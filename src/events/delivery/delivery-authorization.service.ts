import { Inject, Injectable } from '@nestjs/common';
import { DeliveryTokens } from '../../token/index.js';
import type { SendableSubscription } from '../subscriptions/index.js';

interface Kept {
  readonly version: string;
  readonly token: string;
  /** `performance.now()` until which it is sent. */
  readonly until: number;
}

/** Subscriptions whose token is kept; the one that was issued longest ago leaves first. */
const capacity = 10_000;

/** The part of its life during which a token is sent. */
const used = 0.8;

/** The tokens that go with deliveries, each kept for most of its life: until the subscription changes, or its receiver refuses it. */
@Injectable()
export class DeliveryAuthorization {
  private readonly kept = new Map<string, Kept>();
  private readonly asking = new Map<string, Promise<string | undefined>>();

  constructor(@Inject(DeliveryTokens) private readonly tokens: DeliveryTokens) {}

  /**
   * The bearer token for a subscription that asks for one.
   *
   * @returns `undefined` when it may have none any more
   * @throws DatabaseUnavailable
   */
  tokenOf(subscription: SendableSubscription): Promise<string | undefined> {
    const { id, version } = subscription;
    const kept = this.kept.get(id);
    if (kept !== undefined && kept.version === version && kept.until > performance.now()) {
      return Promise.resolve(kept.token);
    }
    const key = `${id} ${version}`;
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
    this.kept.set(id, { version, token: issued.token, until: beganAt + issued.lifetimeSeconds * 1_000 * used });
    if (this.kept.size > capacity) this.forgetOldest();
    return issued.token;
  }

  private forgetOldest(): void {
    const oldest = this.kept.keys().next();
    if (oldest.done !== true) this.kept.delete(oldest.value);
  }
}
