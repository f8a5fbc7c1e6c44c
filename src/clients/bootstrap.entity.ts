import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** The one row that says that the first admin client has been made, and which. */
@Entity({ name: 'bootstrap' })
@Check('bootstrap_singleton_check', 'singleton')
export class BootstrapEntity {
  @PrimaryColumn('boolean', { default: true, primaryKeyConstraintName: 'bootstrap_pkey' })
  singleton: boolean;

  @Column({ type: 'text', name: 'client_id', collation: 'C' })
  clientId: string;

  @Column('timestamptz', { name: 'done_at', default: () => 'now()' })
  doneAt: Date;
}
