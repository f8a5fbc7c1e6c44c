import { Check, Column, Entity, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { SubscriptionEntity } from './subscription.entity.js';

/** A row of `subscription_health`: the breaker, the rate and the counters of a subscription. */
@Entity({ name: 'subscription_health' })
@Check('subscription_health_breaker_check', `breaker IN ('closed', 'open')`)
export class SubscriptionHealthEntity {
  @PrimaryColumn('uuid', { name: 'subscription_id', primaryKeyConstraintName: 'subscription_health_pkey' })
  subscriptionId: string;

  /** Only for the foreign key: never loaded. */
  @ManyToOne(() => SubscriptionEntity, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'subscription_id', foreignKeyConstraintName: 'subscription_health_subscription_id_fkey' })
  subscription?: Relation<SubscriptionEntity>;

  @Column('text', { default: 'closed' })
  breaker: 'closed' | 'open';

  @Column('integer', { name: 'consecutive_failures', default: 0 })
  consecutiveFailures: number;

  @Column('timestamptz', { name: 'opened_at', nullable: true })
  openedAt: Date | null;

  /** When the next probe is due, while the breaker is open; since it closed: when that was, until all it held has been let go. */
  @Column('timestamptz', { name: 'probe_at', nullable: true })
  probeAt: Date | null;

  @Column('integer', { name: 'probe_delay_seconds', nullable: true })
  probeDelaySeconds: number | null;

  @Column('double precision', { name: 'rate_level', nullable: true })
  rateLevel: number | null;

  @Column('timestamptz', { name: 'rate_at', nullable: true })
  rateAt: Date | null;

  /** Deliveries that succeeded, ever. */
  @Column('bigint', { default: '0' })
  succeeded: string;

  /** Deliveries that died, ever. */
  @Column('bigint', { default: '0' })
  dead: string;

  @Column('bigint', { name: 'attempts_succeeded', default: '0' })
  attemptsSucceeded: string;

  @Column('bigint', { name: 'attempts_failed', default: '0' })
  attemptsFailed: string;
}
