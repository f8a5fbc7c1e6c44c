import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { DeliveryEntity } from './delivery.entity.js';

/** A row of `dead_letters`: a delivery that was given up. */
@Entity({ name: 'dead_letters' })
@Index('dead_letters_unreplayed', ['deliveryId'], { unique: true, where: 'replayed_at IS NULL' })
@Index('dead_letters_delivery_id', ['deliveryId'])
@Index('dead_letters_dead_at_id', ['deadAt', 'id'], { where: 'replayed_at IS NULL' })
@Index('dead_letters_subscription_id', ['subscriptionId', 'deadAt', 'id'], { where: 'replayed_at IS NULL' })
export class DeadLetterEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'dead_letters_pkey' })
  id: string;

  @Column('uuid', { name: 'delivery_id' })
  deliveryId: string;

  /** Only for the foreign key: never loaded. */
  @ManyToOne(() => DeliveryEntity)
  @JoinColumn({ name: 'delivery_id', foreignKeyConstraintName: 'dead_letters_delivery_id_fkey' })
  delivery?: Relation<DeliveryEntity>;

  @Column('uuid', { name: 'event_id' })
  eventId: string;

  @Column('text', { name: 'event_type' })
  eventType: string;

  @Column('uuid', { name: 'subscription_id' })
  subscriptionId: string;

  @Column('text')
  reason: string;

  @Column('integer', { name: 'attempt_count' })
  attemptCount: number;

  @Column('timestamptz', { name: 'first_failed_at', nullable: true })
  firstFailedAt: Date | null;

  @Column('timestamptz', { name: 'dead_at', default: () => 'statement_timestamp()' })
  deadAt: Date;

  @Column('timestamptz', { name: 'replayed_at', nullable: true })
  replayedAt: Date | null;
}
