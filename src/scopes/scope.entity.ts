import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A row of the scope registry. */
@Entity({ name: 'scopes' })
@Index('scopes_created_at_name', ['createdAt', 'name'])
export class ScopeEntity {
  @PrimaryColumn({ type: 'text', collation: 'C', primaryKeyConstraintName: 'scopes_pkey' })
  name: string;

  @Column('text', { default: '' })
  description: string;

  /** Seeded by a migration, not registered by an admin. */
  @Column('boolean', { name: 'built_in', default: false })
  builtIn: boolean;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt: Date;

  @Column('timestamptz', { name: 'updated_at', default: () => 'now()' })
  updatedAt: Date;
}
