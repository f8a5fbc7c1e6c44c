import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** The one row of `state_feed`: the position of the newest change. Its lock puts changes in the order of their commits. */
@Entity({ name: 'state_feed' })
@Check('state_feed_id_check', 'id')
export class StateFeedEntity {
  @PrimaryColumn('boolean', { primaryKeyConstraintName: 'state_feed_pkey', default: true })
  id: boolean;

  @Column('bigint', { default: '0' })
  position: string;
}
