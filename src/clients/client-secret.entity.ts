import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { ClientEntity } from './client.entity.js';

/** A row of `client_secrets`: what is kept of a secret. */
@Entity({ name: 'client_secrets' })
@Check('client_secrets_hash_check', 'length(hash) = 32')
@Index('client_secrets_client_id', ['clientId'])
export class ClientSecretEntity {
  @PrimaryColumn({ type: 'text', name: 'secret_id', collation: 'C', primaryKeyConstraintName: 'client_secrets_pkey' })
  secretId: string;

  @Column({ type: 'text', name: 'client_id', collation: 'C' })
  clientId: string;

  /** Only for the foreign key: never loaded. */
  @ManyToOne(() => ClientEntity)
  @JoinColumn({ name: 'client_id', foreignKeyConstraintName: 'client_secrets_client_id_fkey' })
  client?: Relation<ClientEntity>;

  @Column('bytea')
  hash: Buffer;

  @Column('text')
  hint: string;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt: Date;

  @Column('timestamptz', { name: 'expires_at', nullable: true })
  expiresAt: Date | null;

  @Column('timestamptz', { name: 'last_used_at', nullable: true })
  lastUsedAt: Date | null;
}
