import type { Cidr } from '../../protocol/index.js';
import type { Jwks } from '../client.js';

/** A live or expired secret as it is stored: never the secret itself. */
export interface SecretSnapshot {
  readonly secretId: string;
  /** HMAC-SHA-256 of the secret, 32 bytes. */
  readonly hash: Buffer;
  /** Milliseconds since the epoch; `undefined`: never. */
  readonly expiresAt: number | undefined;
}

/** What the certificate of a `tls_client_auth` client must name: one subject, of one kind (RFC 8705 §2.1.2). */
export interface TlsSubject {
  readonly kind: 'dn' | 'dns' | 'uri' | 'ip' | 'email';
  readonly value: string;
}

/**
 * What the OAuth endpoints must know of a client, as it was at one moment. `version` tells that moment: whatever is decided on
 * a snapshot is committed only if the client still has this version.
 */
export interface ClientSnapshot {
  readonly clientId: string;
  /** `clients.version`, a bigint as text. */
  readonly version: string;
  /** `clients.token_epoch`, a bigint as text: the cut that its new tokens come after. */
  readonly tokenEpoch: string;
  readonly status: 'active' | 'disabled';
  readonly authenticationMethod: string;
  readonly grantTypes: ReadonlySet<string>;
  readonly scope: readonly string[];
  readonly audience: readonly string[];
  /** The APIs it serves. */
  readonly resourceIdentifiers: readonly string[];
  readonly accessTokenTtlSeconds: number | undefined;
  readonly refreshTokenTtlSeconds: number | undefined;
  /** How long a refresh token that was used answers its successor once more; 0: not at all. */
  readonly refreshTokenGraceSeconds: number;
  /** Whether its tokens must be bound to a key (RFC 9449 §5.2). */
  readonly dpopBoundAccessTokens: boolean;
  /** Whether its tokens are bound to its certificate (RFC 8705 §3.4). */
  readonly certificateBoundAccessTokens: boolean;
  readonly jwks: Jwks | undefined;
  readonly jwksUri: string | undefined;
  readonly tlsSubject: TlsSubject | undefined;
  /** Networks it may call from; empty: any. */
  readonly allowedNetworks: readonly Cidr[];
  readonly rateLimitPerMinute: number | undefined;
  readonly rateLimitPerDay: number | undefined;
  /** Whether what is beyond its limits is counted and not refused. */
  readonly reportsRateLimits: boolean;
  /** How long requests that are alike get the same token; 0: each gets its own. */
  readonly tokenCoalescingSeconds: number;
  readonly secrets: readonly SecretSnapshot[];
}
