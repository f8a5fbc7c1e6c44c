import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { RefreshFamilyEntity } from './refresh-family.entity.js';

/** A row of `refresh_family_tokens`: an access token that ends with its family. */
@Entity({ name: 'refresh_family_tokens' })
export class RefreshFamilyTokenEntity {
  @PrimaryColumn('uuid', { name: 'family_id', primaryKeyConstraintName: 'refresh_family_tokens_pkey' })
  familyId: string;

  /** Only for the foreign key: never loaded. */
  @ManyToOne(() => RefreshFamilyEntity, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'family_id', foreignKeyConstraintName: 'refresh_family_tokens_family_id_fkey' })
  family?: Relation<RefreshFamilyEntity>;

  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'refresh_family_tokens_pkey' })
  jti: string;

  /** That of the access token, whose record is found by both. */
  @Column('timestamptz', { name: 'expires_at' })
  expiresAt: Date;
}
