import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';
import type { PublicJwk } from './public-jwk.js';
import type { SigningAlg, SigningKeyStatus } from './signing-key.js';

/** A signing key at rest: its private part only as a ciphertext, gone once the key is retired. */
@Entity({ name: 'signing_keys' })
@Check('signing_keys_alg_check', `alg IN ('RS256', 'ES256')`)
@Check('signing_keys_status_check', `status IN ('pending', 'active', 'retiring', 'retired', 'revoked')`)
@Index('signing_keys_one_active_per_alg', ['alg'], { unique: true, where: `status = 'active'` })
@Index('signing_keys_one_pending_per_alg', ['alg'], { unique: true, where: `status = 'pending'` })
export class SigningKeyEntity {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'signing_keys_pkey' })
  kid: string;

  @Column('text')
  alg: SigningAlg;

  @Column('text')
  status: SigningKeyStatus;

  @Column('jsonb', { name: 'public_jwk' })
  publicJwk: PublicJwk;

  @Column('bytea', { name: 'private_ciphertext', nullable: true })
  privateCiphertext: Buffer | null;

  @Column('bytea', { name: 'wrapped_dek', nullable: true })
  wrappedDek: Buffer | null;

  @Column('text', { name: 'kek_id', nullable: true })
  kekId: string | null;

  @Column('smallint', { name: 'envelope_version', default: 1 })
  envelopeVersion: number;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt: Date;

  @Column('timestamptz', { name: 'activated_at', nullable: true })
  activatedAt: Date | null;

  @Column('timestamptz', { name: 'expires_at', nullable: true })
  expiresAt: Date | null;

  /** When a pending key begins to sign. */
  @Column('timestamptz', { name: 'activates_at', nullable: true })
  activatesAt: Date | null;

  /** When it ceased to sign. */
  @Column('timestamptz', { name: 'retiring_at', nullable: true })
  retiringAt: Date | null;

  @Column('timestamptz', { name: 'revoked_at', nullable: true })
  revokedAt: Date | null;
}
