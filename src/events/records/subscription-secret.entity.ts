import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { SubscriptionEntity } from './subscription.entity.js';

/** A row of `subscription_secrets`: a key that signs deliveries, encrypted. */
@Entity({ name: 'subscription_secrets' })
@Index('subscription_secrets_subscription_id', ['subscriptionId'])
export class SubscriptionSecretEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'subscription_secrets_pkey' })
  id: string;

  @Column('uuid', { name: 'subscription_id' })
  subscriptionId: string;

  /** Only for the foreign key: never loaded. */
  @ManyToOne(() => SubscriptionEntity, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'subscription_id', foreignKeyConstraintName: 'subscription_secrets_subscription_id_fkey' })
  subscription?: Relation<SubscriptionEntity>;

  @Column('bytea')
  ciphertext: Buffer;

  @Column('timestamptz', { name: 'created_at', default: () => 'statement_timestamp()' })
  createdAt: Date;

  /** Null: it signs until it is replaced. */
  @Column('timestamptz', { name: 'expires_at', nullable: true })
  expiresAt: Date | null;
}
