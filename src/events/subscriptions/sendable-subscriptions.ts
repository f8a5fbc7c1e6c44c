import { Inject, Injectable } from '@nestjs/common';
import { EventConfig } from '../../config/index.js';
import { Postgres } from '../../database/index.js';
import { deliveryResource, type DeliveryToken, type SendableSubscription } from './subscription.js';

interface Row {
  readonly id: string;
  readonly version: string;
  readonly deleted: boolean;
  readonly status: 'active' | 'paused';
  readonly delivery: 'push' | 'poll';
  readonly url: string | null;
  readonly client_id: string | null;
  readonly headers: Record<string, string>;
  readonly timeout_ms: number;
  readonly max_in_flight: number;
  readonly rate_limit_per_second: number | null;
  readonly retry_backoff_seconds: number[] | null;
  readonly ordering: 'none' | 'subject';
  readonly auth_type: 'none' | 'oauth2';
  readonly auth_scope: string[] | null;
  readonly auth_resource: string | null;
}

const selectSendable = `
  SELECT id, version, deleted_at IS NOT NULL AS deleted, status, delivery, url, client_id, headers, timeout_ms, max_in_flight,
    rate_limit_per_second, retry_backoff_seconds, ordering, auth_type, auth_scope, auth_resource
  FROM subscriptions WHERE id = $1::uuid`;

/** Subscriptions for those who send. */
@Injectable()
export class SendableSubscriptions {
  constructor(
    @Inject(Postgres) private readonly postgres: Postgres,
    @Inject(EventConfig) private readonly events: EventConfig,
  ) {}

  /**
   * The subscription as it is now, a deleted one included; `undefined` for one that never was.
   *
   * @throws DatabaseUnavailable
   */
  async find(id: string): Promise<SendableSubscription | undefined> {
    const [row] = await this.postgres.query<Row>({ name: 'sendable_subscription', text: selectSendable, values: [id] });
    if (row === undefined) return undefined;
    return {
      id: row.id,
      version: row.version,
      deleted: row.deleted,
      status: row.status,
      delivery: row.delivery,
      url: row.url,
      clientId: row.client_id,
      headers: row.headers,
      timeoutMs: row.timeout_ms,
      maxInFlight: row.max_in_flight,
      ratePerSecond: row.rate_limit_per_second,
      retryBackoffSeconds: row.retry_backoff_seconds ?? this.events.retryBackoffSeconds,
      ordering: row.ordering,
      token: tokenOf(row),
    };
  }
}

function tokenOf(row: Row): DeliveryToken | null {
  if (row.auth_type === 'none' || row.client_id === null || row.url === null) return null;
  const resource = deliveryResource(row.url, row.auth_resource);
  return { clientId: row.client_id, scope: row.auth_scope ?? [], resource };
}
