import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A row of `single_use`: the hash of an identifier that was used, kept until nothing that holds it can be valid any more. */
@Entity({ name: 'single_use' })
@Check('single_use_hash_check', 'length(hash) = 32')
@Index('single_use_expires_at', ['expiresAt'])
export class SingleUseEntity {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'single_use_pkey' })
  purpose: string;

  @PrimaryColumn({ type: 'text', collation: 'C', primaryKeyConstraintName: 'single_use_pkey' })
  owner: string;

  @PrimaryColumn('bytea', { primaryKeyConstraintName: 'single_use_pkey' })
  hash: Buffer;

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt: Date;
}
