import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '../../clock/index.js';
import { Egress, EgressError, type EgressResponse } from '../../egress/index.js';
import { webhookSignature } from '../../protocol/index.js';
import { sentEvent } from '../records/index.js';
import { type SendableSubscription, SigningSecrets, SigningSecretUnreadable } from '../subscriptions/index.js';
import type { AttemptResult } from './attempt.js';
import { DeliveryAuthorization } from './delivery-authorization.service.js';
import { type LeasedDelivery, startWithinMs } from './leased-delivery.js';
import { retryAfterSeconds } from './next-delay.js';
import { excerptBytes, responseExcerpt } from './response-excerpt.js';

/** CloudEvents HTTP protocol binding §3.2, structured mode. */
const contentType = 'application/cloudevents+json; charset=utf-8';

const noResponse = { succeeded: false, statusCode: null, excerpt: null, retryAfter: undefined } as const;

/** Sends a delivery once (http-api.md "Events", Standard Webhooks). */
@Injectable()
export class DeliverySender {
  private readonly asking = new Map<string, Promise<readonly Buffer[]>>();

  constructor(
    @Inject(Egress) private readonly egress: Egress,
    @Inject(SigningSecrets) private readonly secrets: SigningSecrets,
    @Inject(DeliveryAuthorization) private readonly authorization: DeliveryAuthorization,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /** Reads beforehand what each attempt at a subscription needs. */
  prepare(subscription: SendableSubscription): void {
    void this.keysOf(subscription).catch(() => undefined);
  }

  /**
   * Makes one attempt.
   *
   * @param signal gives the request up
   * @returns `undefined` when nothing was sent and nothing is to be recorded: too much of the lease was over, the subscription has
   *   no key any more
   * @throws DatabaseUnavailable before anything was sent; the reason of `signal`
   */
  async send(
    subscription: SendableSubscription,
    delivery: LeasedDelivery,
    signal: AbortSignal,
  ): Promise<AttemptResult | undefined> {
    const { url, token } = subscription;
    const beganAt = performance.now();
    const keys = await this.keysOf(subscription).catch(unlessUnreadable);
    if (keys === undefined) {
      return { ...noResponse, error: 'not_sendable', beganAt, durationMs: performance.now() - beganAt };
    }
    if (url === null || keys.length === 0) return undefined;
    const bearer = token === null ? undefined : await this.authorization.tokenOf(subscription);
    if (token !== null && bearer === undefined) {
      return { ...noResponse, error: 'auth_failed', beganAt, durationMs: performance.now() - beganAt };
    }
    if (performance.now() - delivery.leasedAt > startWithinMs) return undefined;
    const body = Buffer.from(sentEvent(delivery.event));
    const headers = this.headersOf(subscription, delivery, { keys, body, bearer });
    const result = await this.post(url, { headers, body, timeoutMs: subscription.timeoutMs, signal });
    if (result.statusCode === 401 && bearer !== undefined) this.authorization.refused(subscription, bearer);
    return result;
  }

  /** Requests of one moment ask for the same keys, and are answered by one reading. */
  private keysOf({ id, version }: SendableSubscription): Promise<readonly Buffer[]> {
    const key = `${id} ${version}`;
    let asked = this.asking.get(key);
    if (asked === undefined) {
      asked = this.secrets.of(id, version).finally(() => this.asking.delete(key));
      this.asking.set(key, asked);
    }
    return asked;
  }

  private headersOf(
    { headers }: SendableSubscription,
    { eventId, attemptCount }: LeasedDelivery,
    { keys, body, bearer }: { keys: readonly Buffer[]; body: Buffer; bearer: string | undefined },
  ): Record<string, string> {
    const timestamp = Math.floor(this.clock.now() / 1_000);
    const custom = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
    return {
      ...Object.fromEntries(custom),
      'content-type': contentType,
      'webhook-id': eventId,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': webhookSignature(keys, { id: eventId, timestamp, body }),
      'webhook-attempt': String(attemptCount + 1),
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
    };
  }

  private async post(
    url: string,
    request: { headers: Record<string, string>; body: Buffer; timeoutMs: number; signal: AbortSignal },
  ): Promise<AttemptResult> {
    const beganAt = performance.now();
    try {
      const response = await this.egress.request(url, {
        method: 'POST',
        maxBytes: excerptBytes,
        beyond: 'cut',
        ...request,
      });
      return this.resultOf(response, beganAt);
    } catch (error) {
      if (request.signal.aborted) throw error;
      const durationMs = performance.now() - beganAt;
      return { ...noResponse, error: error instanceof EgressError ? error.code : 'not_sendable', beganAt, durationMs };
    }
  }

  private resultOf({ status, headers, body }: EgressResponse, beganAt: number): AttemptResult {
    const succeeded = status >= 200 && status < 300;
    return {
      succeeded,
      statusCode: status,
      error: succeeded ? null : `http_${status}`,
      excerpt: responseExcerpt(body),
      retryAfter: succeeded ? undefined : retryAfterSeconds(headers['retry-after'], this.clock.now()),
      beganAt,
      durationMs: performance.now() - beganAt,
    };
  }
}

/** `undefined`: no attempt could be signed. Whoever replaces the secret has the later attempts succeed. */
function unlessUnreadable(error: unknown): undefined {
  if (error instanceof SigningSecretUnreadable) return undefined;
  throw error;
}
