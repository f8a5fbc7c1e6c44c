import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A row of `event_types`: the catalogue of published types. */
@Entity({ name: 'event_types' })
export class EventTypeEntity {
  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'event_types_pkey', collation: 'C' })
  type: string;

  @Column('text', { default: '' })
  description: string;

  /** JSON Schema that the data must conform to. */
  @Column('text', { nullable: true })
  schema: string | null;

  @Column('bigint', { default: '1' })
  version: string;

  @Column('timestamptz', { name: 'created_at', default: () => 'statement_timestamp()' })
  createdAt: Date;

  @Column('timestamptz', { name: 'updated_at', default: () => 'statement_timestamp()' })
  updatedAt: Date;
}
