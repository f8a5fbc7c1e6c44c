import { Check, Column, Entity, JoinColumn, ManyToOne, PrimaryColumn, type Relation, Unique } from 'typeorm';
import { RefreshFamilyEntity } from './refresh-family.entity.js';

/** A row of `refresh_tokens`: the keyed hash of a token, and whether it was used. */
@Entity({ name: 'refresh_tokens' })
@Check('refresh_tokens_hash_check', 'length(hash) = 32')
@Unique('refresh_tokens_family_id_generation_key', ['familyId', 'generation'])
export class RefreshTokenEntity {
  @PrimaryColumn({ type: 'text', name: 'token_id', collation: 'C', primaryKeyConstraintName: 'refresh_tokens_pkey' })
  tokenId: string;

  @Column('uuid', { name: 'family_id' })
  familyId: string;

  /** Only for the foreign key: never loaded. */
  @ManyToOne(() => RefreshFamilyEntity, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'family_id', foreignKeyConstraintName: 'refresh_tokens_family_id_fkey' })
  family?: Relation<RefreshFamilyEntity>;

  /** Counts the tokens of a family from 0. */
  @Column('integer')
  generation: number;

  @Column('bytea')
  hash: Buffer;

  /** With the token before it, what this one was derived from. */
  @Column('bytea')
  salt: Buffer;

  @Column('timestamptz', { name: 'created_at', default: () => 'statement_timestamp()' })
  createdAt: Date;

  @Column('timestamptz', { name: 'expires_at' })
  expiresAt: Date;

  @Column('timestamptz', { name: 'used_at', nullable: true })
  usedAt: Date | null;
}
