import type { KeyObject } from 'node:crypto';

/** The public key that a `kid` stands for, and the one algorithm that it is bound to (RFC 8725 §3.1). */
export interface VerificationKey {
  readonly alg: 'RS256' | 'ES256';
  readonly publicKey: KeyObject;
}

/** Where the bearer strategy finds keys. `keys/` provides it; app.module binds it. */
export abstract class VerificationKeys {
  /** The key published under `kid`; `undefined` for an unknown, retired or revoked one. */
  abstract byKid(kid: string): VerificationKey | undefined;

  /**
   * As {@link byKid}; one that is not known here is looked up in the database, since another process may have made it just now.
   *
   * @throws DatabaseUnavailable when that is not possible
   */
  abstract find(kid: string): Promise<VerificationKey | undefined>;
}

/** What the guard must know of a token. `token/` provides it; app.module binds it. */
export abstract class TokenStatus {
  /**
   * Whether the token is live now: issued here, not expired, and cut neither by itself, by its client nor by its key.
   *
   * @param jti the token's identifier
   * @param expiresAt its `exp`, seconds since the epoch
   * @throws DatabaseUnavailable when that cannot be known
   */
  abstract isActive(jti: string, expiresAt: number): Promise<boolean>;
}
