/** Whether a client may get tokens. A deleted one is a tombstone, and nobody sees it. */
export type ClientStatus = 'active' | 'disabled';

/** What becomes of a request beyond the quotas of its client: it is refused, or counted only. */
export type RateLimitMode = 'enforce' | 'report';

/** A set of public keys (RFC 7517 §5). */
export interface Jwks {
  readonly keys: readonly Readonly<Record<string, unknown>>[];
}

/** What an admin says about a client: the metadata of RFC 7591 §2, and what this server adds (http-api.md "Admin"). */
export interface ClientSettings {
  readonly clientName: string;
  readonly description: string;
  readonly status: ClientStatus;
  readonly grantTypes: readonly string[];
  readonly tokenEndpointAuthMethod: string;
  /** What it may ask for. */
  readonly scope: readonly string[];
  readonly audience: readonly string[];
  /** The APIs it serves. */
  readonly resourceIdentifiers: readonly string[];
  /** `null`: the default of the server. */
  readonly accessTokenTtlSeconds: number | null;
  readonly refreshTokenTtlSeconds: number | null;
  /** How long a refresh token that was used answers its successor once more; 0: not at all. */
  readonly refreshTokenGraceSeconds: number;
  readonly jwks: Jwks | null;
  readonly jwksUri: string | null;
  readonly dpopBoundAccessTokens: boolean;
  /** What the certificate of a `tls_client_auth` client names: one of these, the others are `null` (RFC 8705 §2.1.2). */
  readonly tlsClientAuthSubjectDn: string | null;
  readonly tlsClientAuthSanDns: string | null;
  readonly tlsClientAuthSanUri: string | null;
  readonly tlsClientAuthSanIp: string | null;
  readonly tlsClientAuthSanEmail: string | null;
  readonly tlsClientCertificateBoundAccessTokens: boolean;
  /** Canonical CIDRs it may call from; none: from anywhere. */
  readonly allowedNetworks: readonly string[];
  /** Token requests per minute; `null`: no limit. */
  readonly rateLimitPerMinute: number | null;
  /** Token requests per day of UTC; `null`: no limit. */
  readonly rateLimitPerDay: number | null;
  readonly rateLimitMode: RateLimitMode;
  /** How long requests that are alike get the same token; 0: each gets its own. */
  readonly tokenCoalescingSeconds: number;
  readonly contacts: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** What may be known of a secret; neither the secret nor its hash. */
export interface ClientSecret {
  readonly secretId: string;
  /** Its last four characters. */
  readonly hint: string;
  readonly createdAt: Date;
  /** `null`: never. */
  readonly expiresAt: Date | null;
  readonly lastUsedAt: Date | null;
}

/** A registered client. */
export interface Client extends ClientSettings {
  readonly clientId: string;
  /** Grows with every cut of its tokens; a `bigint` as text. */
  readonly tokenEpoch: string;
  /** Newest first. */
  readonly secrets: readonly ClientSecret[];
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly lastUsedAt: Date | null;
}

/** What a member is when it is left out or removed; a name is always given. */
export const defaultSettings: ClientSettings = {
  clientName: '',
  description: '',
  status: 'active',
  grantTypes: ['client_credentials'],
  tokenEndpointAuthMethod: 'client_secret_basic',
  scope: [],
  audience: [],
  resourceIdentifiers: [],
  accessTokenTtlSeconds: null,
  refreshTokenTtlSeconds: null,
  refreshTokenGraceSeconds: 0,
  jwks: null,
  jwksUri: null,
  dpopBoundAccessTokens: false,
  tlsClientAuthSubjectDn: null,
  tlsClientAuthSanDns: null,
  tlsClientAuthSanUri: null,
  tlsClientAuthSanIp: null,
  tlsClientAuthSanEmail: null,
  tlsClientCertificateBoundAccessTokens: false,
  allowedNetworks: [],
  rateLimitPerMinute: null,
  rateLimitPerDay: null,
  rateLimitMode: 'enforce',
  tokenCoalescingSeconds: 0,
  contacts: [],
  metadata: {},
};

/** Whether `text` may be a client identifier (http-api.md "Admin"). */
export function isClientId(text: string): boolean {
  return /^[A-Za-z0-9._-]{3,64}$/.test(text);
}

/** Whether the client can get itself a token with `admin:full`. */
export function isAdministrator(client: Pick<ClientSettings, 'status' | 'scope' | 'grantTypes'>): boolean {
  const { status, scope, grantTypes } = client;
  return status === 'active' && scope.includes('admin:full') && grantTypes.includes('client_credentials');
}
