import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation, Unique } from 'typeorm';
import { EventEntity } from '../../outbox/index.js';
import { SubscriptionEntity } from './subscription.entity.js';

/** A row of `deliveries`: one event on its way to one subscription. */
@Entity({ name: 'deliveries' })
@Unique('deliveries_event_id_subscription_id_key', ['eventId', 'subscriptionId'])
@Index('deliveries_due', ['subscriptionId', 'lane', 'dueAt', 'seq'], { where: `status IN ('pending', 'retrying')` })
@Index('deliveries_ordering', ['subscriptionId', 'orderingKey', 'seq'], {
  where: `status IN ('pending', 'retrying') AND ordering_key IS NOT NULL`,
})
@Index('deliveries_leased', ['subscriptionId', 'dueAt'], {
  where: `status IN ('pending', 'retrying') AND lease_token IS NOT NULL`,
})
@Index('deliveries_publisher', ['publisher'], { where: `status IN ('pending', 'retrying')` })
@Index('deliveries_dead', ['createdAt', 'id'], { where: `status = 'dead'` })
@Index('deliveries_created_at_id', ['createdAt', 'id'])
@Index('deliveries_subscription_id', ['subscriptionId', 'createdAt', 'id'])
@Index('deliveries_finished_at', ['finishedAt'], { where: 'finished_at IS NOT NULL' })
@Check('deliveries_lane_check', `lane IN ('security', 'state', 'bulk')`)
@Check('deliveries_status_check', `status IN ('pending', 'retrying', 'succeeded', 'dead', 'cancelled')`)
export class DeliveryEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'deliveries_pkey' })
  id: string;

  @Column('uuid', { name: 'event_id' })
  eventId: string;

  /** Only for the foreign key: never loaded. */
  @ManyToOne(() => EventEntity)
  @JoinColumn({ name: 'event_id', foreignKeyConstraintName: 'deliveries_event_id_fkey' })
  event?: Relation<EventEntity>;

  @Column('uuid', { name: 'subscription_id' })
  subscriptionId: string;

  /** Only for the foreign key: never loaded. */
  @ManyToOne(() => SubscriptionEntity)
  @JoinColumn({ name: 'subscription_id', foreignKeyConstraintName: 'deliveries_subscription_id_fkey' })
  subscription?: Relation<SubscriptionEntity>;

  @Column('text', { name: 'event_type' })
  eventType: string;

  /** Whose workers send it. */
  @Column('text')
  lane: 'security' | 'state' | 'bulk';

  /** The client that published the event; null: the server itself. */
  @Column({ type: 'text', nullable: true, collation: 'C' })
  publisher: string | null;

  /** `events.seq`. */
  @Column('bigint')
  seq: string;

  /** What must stay in order: a hash of source and subject, where the subscription asks for order. */
  @Column('bytea', { name: 'ordering_key', nullable: true })
  orderingKey: Buffer | null;

  /** `held` is no state of its own: pending or retrying while the subscription is paused or its breaker open. */
  @Column('text', { default: 'pending' })
  status: 'pending' | 'retrying' | 'succeeded' | 'dead' | 'cancelled';

  /** Attempts ever made. */
  @Column('integer', { name: 'attempt_count', default: 0 })
  attemptCount: number;

  /** Attempts made before the last replay: the schedule counts from there. */
  @Column('integer', { name: 'attempts_before', default: 0 })
  attemptsBefore: number;

  /** When it may be taken next: its next attempt, or the end of its lease. */
  @Column('timestamptz', { name: 'due_at' })
  dueAt: Date;

  /** As shown; null once it is finished. */
  @Column('timestamptz', { name: 'next_attempt_at', nullable: true })
  nextAttemptAt: Date | null;

  /** Of the lane that sends it now; a late writer holds another one. */
  @Column('uuid', { name: 'lease_token', nullable: true })
  leaseToken: string | null;

  @Column('timestamptz', { name: 'first_failed_at', nullable: true })
  firstFailedAt: Date | null;

  @Column('integer', { name: 'last_status_code', nullable: true })
  lastStatusCode: number | null;

  @Column('text', { name: 'last_error', nullable: true })
  lastError: string | null;

  @Column('timestamptz', { name: 'created_at', default: () => 'statement_timestamp()' })
  createdAt: Date;

  @Column('timestamptz', { name: 'updated_at', default: () => 'statement_timestamp()' })
  updatedAt: Date;

  @Column('timestamptz', { name: 'finished_at', nullable: true })
  finishedAt: Date | null;
}
