import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A row of `clients`: a registered client, or the tombstone of one. */
@Entity({ name: 'clients' })
@Check('clients_status_check', `status IN ('active', 'disabled', 'deleted')`)
@Index('clients_created_at_client_id', ['createdAt', 'clientId'])
@Index('clients_scope', ['scope'], { type: 'gin' })
export class ClientEntity {
  @PrimaryColumn({ type: 'text', name: 'client_id', collation: 'C', primaryKeyConstraintName: 'clients_pkey' })
  clientId: string;

  /** Grows with every write to the client or its secrets; a `bigint` as text. */
  @Column('bigint', { default: 1 })
  version: string;

  /** Grows with every cut of its live tokens; a `bigint` as text. */
  @Column('bigint', { name: 'token_epoch', default: 0 })
  tokenEpoch: string;

  @Column('text', { default: 'active' })
  status: string;

  @Column('text', { name: 'client_name' })
  clientName: string;

  @Column('text', { default: '' })
  description: string;

  @Column('text', { name: 'grant_types', array: true })
  grantTypes: string[];

  @Column('text', { name: 'token_endpoint_auth_method' })
  tokenEndpointAuthMethod: string;

  @Column('text', { array: true })
  scope: string[];

  @Column('text', { array: true })
  audience: string[];

  @Column('text', { name: 'resource_identifiers', array: true })
  resourceIdentifiers: string[];

  @Column('integer', { name: 'access_token_ttl_seconds', nullable: true })
  accessTokenTtlSeconds: number | null;

  @Column('integer', { name: 'refresh_token_ttl_seconds', nullable: true })
  refreshTokenTtlSeconds: number | null;

  @Column('jsonb', { nullable: true })
  jwks: { keys: Record<string, unknown>[] } | null;

  @Column('text', { name: 'jwks_uri', nullable: true })
  jwksUri: string | null;

  @Column('boolean', { name: 'dpop_bound_access_tokens', default: false })
  dpopBoundAccessTokens: boolean;

  @Column('integer', { name: 'refresh_token_grace_seconds', nullable: true })
  refreshTokenGraceSeconds: number | null;

  @Column('text', { name: 'tls_client_auth_subject_dn', nullable: true })
  tlsClientAuthSubjectDn: string | null;

  @Column('text', { name: 'tls_client_auth_san_dns', nullable: true })
  tlsClientAuthSanDns: string | null;

  @Column('text', { name: 'tls_client_auth_san_uri', nullable: true })
  tlsClientAuthSanUri: string | null;

  @Column('text', { name: 'tls_client_auth_san_ip', nullable: true })
  tlsClientAuthSanIp: string | null;

  @Column('text', { name: 'tls_client_auth_san_email', nullable: true })
  tlsClientAuthSanEmail: string | null;

  @Column('boolean', { name: 'tls_client_certificate_bound_access_tokens', default: false })
  tlsClientCertificateBoundAccessTokens: boolean;

  @Column('text', { name: 'allowed_networks', array: true })
  allowedNetworks: string[];

  @Column('integer', { name: 'rate_limit_per_minute', nullable: true })
  rateLimitPerMinute: number | null;

  @Column('integer', { name: 'rate_limit_per_day', nullable: true })
  rateLimitPerDay: number | null;

  /** `null`: as `enforce`. */
  @Column('text', { name: 'rate_limit_mode', nullable: true })
  rateLimitMode: string | null;

  /** `null`: as 0. */
  @Column('integer', { name: 'token_coalescing_seconds', nullable: true })
  tokenCoalescingSeconds: number | null;

  @Column('text', { array: true })
  contacts: string[];

  @Column('jsonb')
  metadata: Record<string, string>;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt: Date;

  @Column('timestamptz', { name: 'updated_at', default: () => 'now()' })
  updatedAt: Date;

  @Column('timestamptz', { name: 'deleted_at', nullable: true })
  deletedAt: Date | null;

  @Column('timestamptz', { name: 'last_used_at', nullable: true })
  lastUsedAt: Date | null;
}
