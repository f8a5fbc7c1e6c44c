export type SubscriptionDelivery = 'push' | 'poll';
export type SubscriptionOrdering = 'none' | 'subject';
export type SubscriptionStatus = 'active' | 'paused';
export type SubscriptionAuthType = 'none' | 'oauth2';

/** The JSON of a content filter, checked: paths with their conditions. */
export type FilterMembers = Readonly<Record<string, readonly unknown[]>>;

/** What an admin says about a subscription (http-api.md "Events"). */
export interface SubscriptionSettings {
  readonly name: string;
  readonly delivery: SubscriptionDelivery;
  /** Where a push goes; `null` for a poll. */
  readonly url: string | null;
  /** Exact types and globs. */
  readonly eventTypes: readonly string[];
  /** `null`: any. */
  readonly source: string | null;
  readonly filter: FilterMembers | null;
  /** The owner: whose token is sent, and who polls. */
  readonly clientId: string | null;
  /** Sent with each delivery; by the name as it was given. */
  readonly headers: Readonly<Record<string, string>>;
  /** `null`: the schedule of the configuration. */
  readonly retryBackoffSeconds: readonly number[] | null;
  readonly timeoutMs: number;
  readonly maxInFlight: number;
  /** `null`: no limit. */
  readonly rateLimitPerSecond: number | null;
  readonly ordering: SubscriptionOrdering;
  readonly authType: SubscriptionAuthType;
  /** Scope of the token that is sent; `null` where none is. */
  readonly authScope: readonly string[] | null;
  /** Audience of the token that is sent; `null`: the origin of the URL. */
  readonly authResource: string | null;
  readonly status: SubscriptionStatus;
}

/** What may be known of a signing secret. */
export interface SigningSecretRecord {
  readonly secretId: string;
  readonly createdAt: Date;
  /** `null`: never. */
  readonly expiresAt: Date | null;
}

/** A subscription that is not deleted. */
export interface Subscription extends SubscriptionSettings {
  readonly id: string;
  /** Raised by each write; a `bigint` as text. */
  readonly version: string;
  /** Why it is paused, if no admin asked for it: `gone` after a 410. */
  readonly pausedReason: string | null;
  /** The live ones, newest first. */
  readonly secrets: readonly SigningSecretRecord[];
  readonly createdBy: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** What a member is when it is left out or removed; a name and event types are always given. */
export const defaultSettings: SubscriptionSettings = {
  name: '',
  delivery: 'push',
  url: null,
  eventTypes: [],
  source: null,
  filter: null,
  clientId: null,
  headers: {},
  retryBackoffSeconds: null,
  timeoutMs: 10_000,
  maxInFlight: 10,
  rateLimitPerSecond: null,
  ordering: 'none',
  authType: 'none',
  authScope: null,
  authResource: null,
  status: 'active',
};

/** The token that goes with each delivery. */
export interface DeliveryToken {
  /** Whose token it is. */
  readonly clientId: string;
  /** Never one of this server's own. */
  readonly scope: readonly string[];
  /** Audience: of the same origin as the URL. */
  readonly resource: string;
}

/** All that a sender needs of a subscription. */
export interface SendableSubscription {
  readonly id: string;
  /** Raised by each write; a `bigint` as text. */
  readonly version: string;
  /** Nothing is sent any more. */
  readonly deleted: boolean;
  readonly status: SubscriptionStatus;
  readonly delivery: SubscriptionDelivery;
  /** `null` for a poll. */
  readonly url: string | null;
  /** The owner; who may poll. */
  readonly clientId: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly maxInFlight: number;
  /** `null`: no limit. */
  readonly ratePerSecond: number | null;
  /** Seconds before the second, third, … attempt. */
  readonly retryBackoffSeconds: readonly number[];
  readonly ordering: SubscriptionOrdering;
  /** `null`: no token is sent. */
  readonly token: DeliveryToken | null;
}

/** The audience of a delivery's token: the one that was chosen, else the origin of the URL. */
export function deliveryResource(url: string, chosen: string | null): string {
  return chosen ?? new URL(url).origin;
}
