import { formatScope } from '../protocol/index.js';
import type { NewClientSecret } from './client-secret.js';
import type { Client, ClientSecret } from './client.js';

/** What the admin API shows of a secret. */
export interface ClientSecretAnswer {
  readonly secret_id: string;
  readonly hint: string;
  readonly created_at: string;
  readonly expires_at: string | null;
  readonly last_used_at: string | null;
}

/** A client as the admin API shows it (http-api.md "Admin"): members as in RFC 7591, `null` where unset, never a secret. */
export type ClientAnswer = ReturnType<typeof clientAnswer>;

/** The answer to a write: the client, and the secret that it got, this once (RFC 7591 §3.2.1, RFC 7592 §2.2). */
export type RegisteredClientAnswer = ClientAnswer & {
  readonly client_secret?: string;
  readonly client_secret_expires_at?: number;
};

/** The answer to a new secret; `client_secret_expires_at` is the integer of RFC 7591: 0 = never. */
export interface RegeneratedSecretAnswer {
  readonly client_id: string;
  readonly client_secret: string;
  readonly secret_id: string;
  readonly client_secret_expires_at: 0;
  /** When the last of the older secrets ends; `null`: none is live any more. */
  readonly previous_secrets_expire_at: string | null;
}

/** The JSON of a client. */
export function clientAnswer(client: Client) {
  return {
    client_id: client.clientId,
    client_name: client.clientName,
    description: client.description === '' ? null : client.description,
    status: client.status,
    grant_types: client.grantTypes,
    token_endpoint_auth_method: client.tokenEndpointAuthMethod,
    scope: formatScope(client.scope),
    audience: client.audience,
    resource_identifiers: client.resourceIdentifiers,
    access_token_ttl_seconds: client.accessTokenTtlSeconds,
    refresh_token_ttl_seconds: client.refreshTokenTtlSeconds,
    refresh_token_grace_seconds: client.refreshTokenGraceSeconds,
    jwks: client.jwks,
    jwks_uri: client.jwksUri,
    dpop_bound_access_tokens: client.dpopBoundAccessTokens,
    tls_client_auth_subject_dn: client.tlsClientAuthSubjectDn,
    tls_client_auth_san_dns: client.tlsClientAuthSanDns,
    tls_client_auth_san_uri: client.tlsClientAuthSanUri,
    tls_client_auth_san_ip: client.tlsClientAuthSanIp,
    tls_client_auth_san_email: client.tlsClientAuthSanEmail,
    tls_client_certificate_bound_access_tokens: client.tlsClientCertificateBoundAccessTokens,
    allowed_networks: client.allowedNetworks,
    rate_limit_per_minute: client.rateLimitPerMinute,
    rate_limit_per_day: client.rateLimitPerDay,
    rate_limit_mode: client.rateLimitMode,
    token_coalescing_seconds: client.tokenCoalescingSeconds,
    contacts: client.contacts,
    metadata: client.metadata,
    secrets: client.secrets.map(secretAnswer),
    created_at: client.createdAt.toISOString(),
    updated_at: client.updatedAt.toISOString(),
    last_used_at: time(client.lastUsedAt),
  };
}

/** The JSON of a client that has just been registered, or changed. */
export function registeredClientAnswer(client: Client, secret: NewClientSecret | undefined): RegisteredClientAnswer {
  const answer = clientAnswer(client);
  return secret === undefined ? answer : { ...answer, client_secret: secret.secret, client_secret_expires_at: 0 };
}

/** The JSON of a new secret. */
export function regeneratedSecretAnswer(
  clientId: string,
  secret: NewClientSecret,
  previousSecretsExpireAt: Date | null,
): RegeneratedSecretAnswer {
  return {
    client_id: clientId,
    client_secret: secret.secret,
    secret_id: secret.secretId,
    client_secret_expires_at: 0,
    previous_secrets_expire_at: time(previousSecretsExpireAt),
  };
}

function secretAnswer(secret: ClientSecret): ClientSecretAnswer {
  return {
    secret_id: secret.secretId,
    hint: secret.hint,
    created_at: secret.createdAt.toISOString(),
    expires_at: time(secret.expiresAt),
    last_used_at: time(secret.lastUsedAt),
  };
}

function time(at: Date | null): string | null {
  return at === null ? null : at.toISOString();
}
