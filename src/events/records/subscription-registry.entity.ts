import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** The one row of `subscription_registry`: raised by each write to a subscription, so that caches know. */
@Entity({ name: 'subscription_registry' })
@Check('subscription_registry_id_check', 'id')
export class SubscriptionRegistryEntity {
  @PrimaryColumn('boolean', { primaryKeyConstraintName: 'subscription_registry_pkey', default: true })
  id: boolean;

  @Column('bigint', { default: '1' })
  version: string;
}
