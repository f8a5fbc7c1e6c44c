import { Check, Column, Entity, PrimaryColumn, Unique } from 'typeorm';

/** A link of the chain that proves the audit log. Written by SQL only; the entity is for the drift test. */
@Entity({ name: 'audit_chain' })
@Unique('audit_chain_prev_key', ['prev'])
@Unique('audit_chain_entry_id_key', ['entryId'])
@Check(
  'audit_chain_kind_check',
  `CASE kind WHEN 'entry' THEN entry_id IS NOT NULL AND entry_at IS NOT NULL AND payload IS NULL ELSE entry_id IS NULL AND entry_at IS NULL AND payload IS NOT NULL END`,
)
export class AuditChainEntity {
  @PrimaryColumn('bigint', { primaryKeyConstraintName: 'audit_chain_pkey' })
  seq: string;

  @Column('text')
  kind: string;

  @Column('uuid', { name: 'entry_id', nullable: true })
  entryId: string | null;

  @Column('timestamptz', { name: 'entry_at', nullable: true })
  entryAt: Date | null;

  /** What is chained where that is not an entry: its canonical JSON. */
  @Column('text', { nullable: true })
  payload: string | null;

  @Column('bytea')
  prev: Buffer;

  @Column('bytea')
  mac: Buffer;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt: Date;
}

/** The one row that every process locks to append to the chain. */
@Entity({ name: 'audit_chain_head' })
@Check('audit_chain_head_singleton_check', 'singleton')
export class AuditChainHeadEntity {
  @PrimaryColumn('boolean', { default: true, primaryKeyConstraintName: 'audit_chain_head_pkey' })
  singleton: boolean;

  @Column('bigint')
  seq: string;

  /** Entries that the chain covers up to here. */
  @Column('bigint')
  entries: string;

  @Column('bytea')
  mac: Buffer;
}

/** A batch of issued tokens that has not entered the chain yet. */
@Entity({ name: 'token_batches' })
@Check('token_batches_digest_check', 'octet_length(digest) = 32')
export class TokenBatchEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'token_batches_pkey' })
  id: string;

  @Column('integer')
  entries: number;

  /** SHA-256 of its entries. */
  @Column('bytea')
  digest: Buffer;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt: Date;
}
