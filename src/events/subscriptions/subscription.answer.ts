import { formatScope } from '../../protocol/index.js';
import type { RotatedSecret } from './signing-secrets.service.js';
import { deliveryResource, type Subscription } from './subscription.js';

/** A subscription as the admin API shows it (http-api.md "Events"): `null` where unset, never a secret. */
export type SubscriptionAnswer = ReturnType<typeof subscriptionAnswer>;

/** The answer to a new subscription: with its signing secret, this once. */
export type CreatedSubscriptionAnswer = SubscriptionAnswer & { readonly signing_secret: string };

/** The answer to a rotation. */
export interface RotatedSecretAnswer {
  readonly subscription_id: string;
  readonly signing_secret: string;
  readonly secret_id: string;
  /** When the last of the older secrets ends; `null`: none signs any more. */
  readonly previous_secrets_expire_at: string | null;
}

/** The answer to a test: the event that is on its way. */
export interface TestAnswer {
  readonly event_id: string;
}

/**
 * The JSON of a subscription.
 *
 * @param retryBackoffSeconds the schedule of those that have none of their own
 */
export function subscriptionAnswer(subscription: Subscription, retryBackoffSeconds: readonly number[]) {
  return {
    id: subscription.id,
    name: subscription.name,
    delivery: subscription.delivery,
    url: subscription.url,
    event_types: subscription.eventTypes,
    source: subscription.source,
    filter: subscription.filter,
    client_id: subscription.clientId,
    headers: subscription.headers,
    retry: { backoff_seconds: subscription.retryBackoffSeconds ?? retryBackoffSeconds },
    timeout_ms: subscription.timeoutMs,
    max_in_flight: subscription.maxInFlight,
    rate_limit_per_second: subscription.rateLimitPerSecond,
    ordering: subscription.ordering,
    auth: authAnswer(subscription),
    status: subscription.status,
    paused_reason: subscription.pausedReason,
    secrets: subscription.secrets.map(({ secretId, createdAt, expiresAt }) => ({
      secret_id: secretId,
      created_at: createdAt.toISOString(),
      expires_at: expiresAt === null ? null : expiresAt.toISOString(),
    })),
    created_by: subscription.createdBy,
    created_at: subscription.createdAt.toISOString(),
    updated_at: subscription.updatedAt.toISOString(),
  };
}

/** The JSON of a new signing secret. */
export function rotatedSecretAnswer(
  subscriptionId: string,
  { secretId, signingSecret, previousSecretsExpireAt }: RotatedSecret,
): RotatedSecretAnswer {
  return {
    subscription_id: subscriptionId,
    signing_secret: signingSecret,
    secret_id: secretId,
    previous_secrets_expire_at: previousSecretsExpireAt === null ? null : previousSecretsExpireAt.toISOString(),
  };
}

interface AuthAnswer {
  readonly type: 'none' | 'oauth2';
  readonly scope?: string;
  readonly resource?: string;
}

/** With all that the tokens will hold, what was left to the server included. */
function authAnswer({ authResource, authScope, authType, url }: Subscription): AuthAnswer {
  if (authType === 'none' || url === null) return { type: 'none' };
  return { type: authType, scope: formatScope(authScope ?? []), resource: deliveryResource(url, authResource) };
}
