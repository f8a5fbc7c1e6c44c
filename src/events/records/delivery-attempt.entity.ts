import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A row of `delivery_attempts`, a partition per day: what came of one request. */
@Entity({ name: 'delivery_attempts' })
@Index('delivery_attempts_delivery_id', ['deliveryId', 'at'])
@Index('delivery_attempts_subscription_id', ['subscriptionId', 'at'])
export class DeliveryAttemptEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'delivery_attempts_pkey' })
  id: string;

  @PrimaryColumn('timestamptz', { primaryKeyConstraintName: 'delivery_attempts_pkey' })
  at: Date;

  @Column('uuid', { name: 'delivery_id' })
  deliveryId: string;

  @Column('uuid', { name: 'subscription_id' })
  subscriptionId: string;

  @Column('integer')
  attempt: number;

  @Column('integer', { name: 'status_code', nullable: true })
  statusCode: number | null;

  /** A coarse class, such as `timeout`. */
  @Column('text', { nullable: true })
  error: string | null;

  @Column('integer', { name: 'duration_ms' })
  durationMs: number;

  /** At most 1 KiB. */
  @Column('text', { name: 'response_excerpt', nullable: true })
  responseExcerpt: string | null;
}
