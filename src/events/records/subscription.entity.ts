import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { ClientEntity } from '../../clients/index.js';

/** A row of `subscriptions`: who is told of which events, and how. */
@Entity({ name: 'subscriptions' })
@Index('subscriptions_created_at_id', ['createdAt', 'id'])
@Check('subscriptions_delivery_check', `delivery IN ('push', 'poll')`)
@Check('subscriptions_ordering_check', `ordering IN ('none', 'subject')`)
@Check('subscriptions_auth_type_check', `auth_type IN ('none', 'oauth2')`)
@Check('subscriptions_status_check', `status IN ('active', 'paused')`)
export class SubscriptionEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'subscriptions_pkey' })
  id: string;

  /** Raised by each write; a `bigint` as text. */
  @Column('bigint', { default: '1' })
  version: string;

  @Column('text')
  name: string;

  @Column('text', { default: 'push' })
  delivery: 'push' | 'poll';

  /** Where a push goes. */
  @Column('text', { nullable: true })
  url: string | null;

  /** Exact types and globs. */
  @Column('text', { name: 'event_types', array: true })
  eventTypes: string[];

  @Column('text', { nullable: true })
  source: string | null;

  /** JSON of the content filter. */
  @Column('text', { nullable: true })
  filter: string | null;

  /** The owner, whose token `auth` sends and who polls. */
  @Column({ type: 'text', name: 'client_id', nullable: true, collation: 'C' })
  clientId: string | null;

  /** Only for the foreign key: never loaded. */
  @ManyToOne(() => ClientEntity)
  @JoinColumn({
    name: 'client_id',
    referencedColumnName: 'clientId',
    foreignKeyConstraintName: 'subscriptions_client_id_fkey',
  })
  client?: Relation<ClientEntity>;

  @Column('jsonb', { default: () => `'{}'` })
  headers: Record<string, string>;

  /** Null: the schedule of the configuration. */
  @Column('integer', { name: 'retry_backoff_seconds', array: true, nullable: true })
  retryBackoffSeconds: number[] | null;

  @Column('integer', { name: 'timeout_ms', default: 10000 })
  timeoutMs: number;

  @Column('integer', { name: 'max_in_flight', default: 10 })
  maxInFlight: number;

  @Column('integer', { name: 'rate_limit_per_second', nullable: true })
  rateLimitPerSecond: number | null;

  @Column('text', { default: 'none' })
  ordering: 'none' | 'subject';

  @Column('text', { name: 'auth_type', default: 'none' })
  authType: 'none' | 'oauth2';

  @Column('text', { name: 'auth_scope', array: true, nullable: true })
  authScope: string[] | null;

  @Column('text', { name: 'auth_resource', nullable: true })
  authResource: string | null;

  @Column('text', { default: 'active' })
  status: 'active' | 'paused';

  /** Why it is paused, if nobody asked for it: `gone` after a 410. */
  @Column('text', { name: 'paused_reason', nullable: true })
  pausedReason: string | null;

  @Column({ type: 'text', name: 'created_by', nullable: true, collation: 'C' })
  createdBy: string | null;

  @Column('timestamptz', { name: 'created_at', default: () => 'statement_timestamp()' })
  createdAt: Date;

  @Column('timestamptz', { name: 'updated_at', default: () => 'statement_timestamp()' })
  updatedAt: Date;

  @Column('timestamptz', { name: 'deleted_at', nullable: true })
  deletedAt: Date | null;
}
