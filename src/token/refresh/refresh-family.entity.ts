import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { ClientEntity } from '../../clients/index.js';

/** A row of `refresh_families`: the refresh tokens that descend from one grant, and what is left of what was granted. */
@Entity({ name: 'refresh_families' })
@Index('refresh_families_client_id', ['clientId'])
@Index('refresh_families_expires_at', ['expiresAt'])
export class RefreshFamilyEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'refresh_families_pkey' })
  id: string;

  @Column({ type: 'text', name: 'client_id', collation: 'C' })
  clientId: string;

  /** Only for the foreign key: never loaded. */
  @ManyToOne(() => ClientEntity)
  @JoinColumn({
    name: 'client_id',
    referencedColumnName: 'clientId',
    foreignKeyConstraintName: 'refresh_families_client_id_fkey',
  })
  client?: Relation<ClientEntity>;

  /** `clients.token_epoch` of its beginning; a `bigint` as text. Once the client has another, the family is dead. */
  @Column('bigint', { name: 'client_epoch' })
  clientEpoch: string;

  @Column('text', { array: true })
  scope: string[];

  @Column('text', { array: true })
  audience: string[];

  /** Thumbprint of the DPoP key that it was begun with. */
  @Column('text', { nullable: true })
  jkt: string | null;

  /** Thumbprint of the client certificate that it was begun with. */
  @Column('text', { name: 'certificate_thumbprint', nullable: true })
  certificateThumbprint: string | null;

  /** That of its newest token. */
  @Column('integer', { default: 0 })
  generation: number;

  @Column('timestamptz', { name: 'created_at', default: () => 'statement_timestamp()' })
  createdAt: Date;

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt: Date;

  @Column('timestamptz', { name: 'revoked_at', nullable: true })
  revokedAt: Date | null;

  @Column('text', { name: 'revoked_reason', nullable: true })
  revokedReason: string | null;
}
