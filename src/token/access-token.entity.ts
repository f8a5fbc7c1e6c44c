import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** The record of an issued access token. Written in batches by SQL; the entity is for reading and for the drift test. */
@Entity({ name: 'access_tokens' })
@Index('access_tokens_client_id_jti', ['clientId', 'jti'])
export class AccessTokenEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'access_tokens_pkey' })
  jti: string;

  @PrimaryColumn('timestamptz', { name: 'expires_at', primaryKeyConstraintName: 'access_tokens_pkey' })
  expiresAt: Date;

  @Column('bytea', { name: 'token_hash' })
  tokenHash: Buffer;

  @Column({ type: 'text', name: 'client_id', collation: 'C' })
  clientId: string;

  @Column('bigint', { name: 'client_epoch' })
  clientEpoch: string;

  @Column('text')
  kid: string;

  @Column('text')
  scope: string;

  @Column('text', { array: true })
  aud: string[];

  @Column('timestamptz', { name: 'issued_at' })
  issuedAt: Date;

  @Column('inet', { name: 'ip_address', nullable: true })
  ipAddress: string | null;

  @Column('text', { name: 'user_agent', nullable: true })
  userAgent: string | null;

  @Column('timestamptz', { name: 'revoked_at', nullable: true })
  revokedAt: Date | null;

  @Column('text', { name: 'revoked_reason', nullable: true })
  revokedReason: string | null;
}
