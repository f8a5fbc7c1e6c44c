import { Inject, Injectable } from '@nestjs/common';
import { Batches, GroupCommit, Postgres } from '../../database/index.js';
import { type Cidr, parseCidr } from '../../protocol/index.js';
import type { Jwks } from '../client.js';
import type { ClientSnapshot, SecretSnapshot, TlsSubject } from './client-snapshot.js';

interface Row {
  readonly client_id: string;
  readonly version: string;
  readonly token_epoch: string;
  readonly status: 'active' | 'disabled';
  readonly token_endpoint_auth_method: string;
  readonly grant_types: string[];
  readonly scope: string[];
  readonly audience: string[];
  readonly resource_identifiers: string[];
  readonly access_token_ttl_seconds: number | null;
  readonly refresh_token_ttl_seconds: number | null;
  readonly refresh_token_grace_seconds: number | null;
  readonly dpop_bound_access_tokens: boolean;
  readonly tls_client_certificate_bound_access_tokens: boolean;
  readonly jwks: Jwks | null;
  readonly jwks_uri: string | null;
  readonly tls_client_auth_subject_dn: string | null;
  readonly tls_client_auth_san_dns: string | null;
  readonly tls_client_auth_san_uri: string | null;
  readonly tls_client_auth_san_ip: string | null;
  readonly tls_client_auth_san_email: string | null;
  readonly allowed_networks: string[];
  readonly rate_limit_per_minute: number | null;
  readonly rate_limit_per_day: number | null;
  readonly rate_limit_mode: string | null;
  readonly token_coalescing_seconds: number | null;
  readonly secret_ids: string[];
  readonly secret_hashes: Buffer[];
  readonly secret_expiries: (number | null)[];
}

const selectSnapshots = `
  SELECT c.client_id, c.version, c.token_epoch, c.status, c.token_endpoint_auth_method, c.grant_types, c.scope, c.audience,
    c.resource_identifiers, c.access_token_ttl_seconds, c.refresh_token_ttl_seconds, c.refresh_token_grace_seconds,
    c.dpop_bound_access_tokens, c.tls_client_certificate_bound_access_tokens, c.jwks, c.jwks_uri,
    c.tls_client_auth_subject_dn, c.tls_client_auth_san_dns, c.tls_client_auth_san_uri, c.tls_client_auth_san_ip,
    c.tls_client_auth_san_email, c.allowed_networks, c.rate_limit_per_minute, c.rate_limit_per_day, c.rate_limit_mode,
    c.token_coalescing_seconds,
    coalesce(array_agg(s.secret_id ORDER BY s.created_at DESC) FILTER (WHERE s.secret_id IS NOT NULL), '{}') AS secret_ids,
    coalesce(array_agg(s.hash ORDER BY s.created_at DESC) FILTER (WHERE s.secret_id IS NOT NULL), '{}') AS secret_hashes,
    coalesce(array_agg(extract(epoch FROM s.expires_at)::float8 * 1000 ORDER BY s.created_at DESC)
      FILTER (WHERE s.secret_id IS NOT NULL), '{}') AS secret_expiries
  FROM clients c LEFT JOIN client_secrets s ON s.client_id = c.client_id
  WHERE c.client_id = ANY ($1::text[]) AND c.status <> 'deleted'
  GROUP BY c.client_id`;

/** Clients that are kept; the one that was loaded longest ago leaves first. */
const capacity = 10_000;

/**
 * Clients in memory. A cached snapshot may be out of date: a success is decided on it but committed only against its version,
 * a refusal is decided on a freshly loaded one. So the cache needs no notification to be exact.
 */
@Injectable()
export class ClientSnapshots {
  private readonly snapshots = new Map<string, ClientSnapshot>();
  private readonly reader: GroupCommit<string, ClientSnapshot | undefined>;

  constructor(@Inject(Postgres) postgres: Postgres, @Inject(Batches) batches?: Batches) {
    // Reads are gathered like commits are: the look-ups of one moment are one query, begun after each of them was asked for.
    this.reader = new GroupCommit({
      maxBatch: 256,
      maxQueued: 10_000,
      measures: batches?.of('clients'),
      commit: async (clientIds) => {
        const values = [[...new Set(clientIds)]];
        const rows = await postgres.query<Row>({ name: 'client_snapshots', text: selectSnapshots, values });
        const found = new Map(rows.map((row) => [row.client_id, snapshotOf(row)]));
        return clientIds.map((clientId) => found.get(clientId));
      },
    });
  }

  /** The client as this process last saw it. */
  cached(clientId: string): ClientSnapshot | undefined {
    return this.snapshots.get(clientId);
  }

  /**
   * The client as it is now; `undefined` for one that does not exist or was deleted.
   *
   * @throws DatabaseUnavailable
   */
  async load(clientId: string): Promise<ClientSnapshot | undefined> {
    const snapshot = await this.reader.add(clientId);
    this.snapshots.delete(clientId);
    if (snapshot !== undefined) {
      this.snapshots.set(clientId, snapshot);
      if (this.snapshots.size > capacity) this.forgetOldest();
    }
    return snapshot;
  }

  private forgetOldest(): void {
    const oldest = this.snapshots.keys().next();
    if (oldest.done !== true) this.snapshots.delete(oldest.value);
  }
}

function snapshotOf(row: Row): ClientSnapshot {
  return {
    clientId: row.client_id,
    version: row.version,
    tokenEpoch: row.token_epoch,
    status: row.status,
    authenticationMethod: row.token_endpoint_auth_method,
    grantTypes: new Set(row.grant_types),
    scope: row.scope,
    audience: row.audience,
    resourceIdentifiers: row.resource_identifiers,
    accessTokenTtlSeconds: row.access_token_ttl_seconds ?? undefined,
    refreshTokenTtlSeconds: row.refresh_token_ttl_seconds ?? undefined,
    refreshTokenGraceSeconds: row.refresh_token_grace_seconds ?? 0,
    dpopBoundAccessTokens: row.dpop_bound_access_tokens,
    certificateBoundAccessTokens: row.tls_client_certificate_bound_access_tokens,
    jwks: row.jwks ?? undefined,
    jwksUri: row.jwks_uri ?? undefined,
    tlsSubject: tlsSubjectOf(row),
    allowedNetworks: row.allowed_networks
      .map((network) => parseCidr(network))
      .filter((cidr): cidr is Cidr => cidr !== null),
    rateLimitPerMinute: row.rate_limit_per_minute ?? undefined,
    rateLimitPerDay: row.rate_limit_per_day ?? undefined,
    reportsRateLimits: row.rate_limit_mode === 'report',
    tokenCoalescingSeconds: row.token_coalescing_seconds ?? 0,
    secrets: secretsOf(row),
  };
}

function secretsOf(row: Row): SecretSnapshot[] {
  return row.secret_ids.map((secretId, index) => {
    const hash = row.secret_hashes[index];
    if (hash === undefined) throw new Error('a secret without its hash');
    return { secretId, hash, expiresAt: row.secret_expiries[index] ?? undefined };
  });
}

function tlsSubjectOf(row: Row): TlsSubject | undefined {
  const subjects = [
    { kind: 'dn', value: row.tls_client_auth_subject_dn },
    { kind: 'dns', value: row.tls_client_auth_san_dns },
    { kind: 'uri', value: row.tls_client_auth_san_uri },
    { kind: 'ip', value: row.tls_client_auth_san_ip },
    { kind: 'email', value: row.tls_client_auth_san_email },
  ] as const;
  for (const { kind, value } of subjects) if (value !== null) return { kind, value };
  return undefined;
}
