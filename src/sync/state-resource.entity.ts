import { Check, Column, Entity, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { StateTypeEntity } from './state-type.entity.js';

/** A row of `state_resources`: the newest state of one resource, or its tombstone. */
@Entity({ name: 'state_resources' })
@Check('state_resources_state_check', `deleted = (state IS NULL)`)
export class StateResourceEntity {
  @PrimaryColumn({
    type: 'text',
    name: 'resource_type',
    primaryKeyConstraintName: 'state_resources_pkey',
    collation: 'C',
  })
  resourceType: string;

  /** Only for the foreign key: never loaded. */
  @ManyToOne(() => StateTypeEntity)
  @JoinColumn({
    name: 'resource_type',
    referencedColumnName: 'resourceType',
    foreignKeyConstraintName: 'state_resources_resource_type_fkey',
  })
  type?: Relation<StateTypeEntity>;

  @PrimaryColumn({
    type: 'text',
    name: 'resource_id',
    primaryKeyConstraintName: 'state_resources_pkey',
    collation: 'C',
  })
  resourceId: string;

  /** A `bigint` as text; raised by each change. */
  @Column('bigint')
  version: string;

  /** The JSON object as it was sent; null for a tombstone. */
  @Column('text', { nullable: true })
  state: string | null;

  /** SHA-256 of the canonical form. */
  @Column('bytea', { nullable: true })
  digest: Buffer | null;

  @Column('boolean', { default: false })
  deleted: boolean;

  @Column('timestamptz', { name: 'created_at', default: () => 'statement_timestamp()' })
  createdAt: Date;

  @Column('timestamptz', { name: 'updated_at' })
  updatedAt: Date;
}
