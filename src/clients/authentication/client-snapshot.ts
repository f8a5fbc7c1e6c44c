import type { Cidr } from '../../protocol/index.js';

/** A live or expired secret as it is stored: never the secret itself. */
export interface SecretSnapshot {
  readonly secretId: string;
  /** HMAC-SHA-256 of the secret, 32 bytes. */
  readonly hash: Buffer;
  /** Milliseconds since the epoch; `undefined`: never. */
  readonly expiresAt: number | undefined;
}

/**
 * What the OAuth endpoints must know of a client, as it was at one moment. `version` tells that moment: whatever is decided on
 * a snapshot is committed only if the client still has this version.
 */
export interface ClientSnapshot {
  readonly clientId: string;
  /** `clients.version`, a bigint as text. */
  readonly version: string;
  readonly status: 'active' | 'disabled';
  readonly authenticationMethod: string;
  readonly grantTypes: ReadonlySet<string>;
  readonly scope: readonly string[];
  readonly audience: readonly string[];
  readonly accessTokenTtlSeconds: number | undefined;
  /** Networks it may call from; empty: any. */
  readonly allowedNetworks: readonly Cidr[];
  readonly rateLimitPerMinute: number | undefined;
  readonly secrets: readonly SecretSnapshot[];
}
