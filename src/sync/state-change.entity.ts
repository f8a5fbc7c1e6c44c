import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A row of `state_changes`: one change, at its position in the order of commits. */
@Entity({ name: 'state_changes' })
@Index('state_changes_resource', ['resourceType', 'resourceId', 'version'])
@Index('state_changes_resource_type', ['resourceType', 'position'])
@Index('state_changes_updated_at', ['updatedAt'])
export class StateChangeEntity {
  @PrimaryColumn('bigint', { primaryKeyConstraintName: 'state_changes_pkey' })
  position: string;

  @Column({ type: 'text', name: 'resource_type', collation: 'C' })
  resourceType: string;

  @Column({ type: 'text', name: 'resource_id', collation: 'C' })
  resourceId: string;

  @Column('bigint')
  version: string;

  @Column('boolean')
  deleted: boolean;

  @Column('timestamptz', { name: 'updated_at' })
  updatedAt: Date;
}
