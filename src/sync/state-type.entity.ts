import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { ClientEntity } from '../clients/index.js';

/** A row of `state_types`: a type of resource, and the client that alone writes it. */
@Entity({ name: 'state_types' })
export class StateTypeEntity {
  @PrimaryColumn({ type: 'text', name: 'resource_type', primaryKeyConstraintName: 'state_types_pkey', collation: 'C' })
  resourceType: string;

  @Column({ type: 'text', name: 'client_id', collation: 'C' })
  clientId: string;

  /** Only for the foreign key: never loaded. */
  @ManyToOne(() => ClientEntity)
  @JoinColumn({
    name: 'client_id',
    referencedColumnName: 'clientId',
    foreignKeyConstraintName: 'state_types_client_id_fkey',
  })
  client?: Relation<ClientEntity>;

  @Column('timestamptz', { name: 'created_at', default: () => 'statement_timestamp()' })
  createdAt: Date;
}
