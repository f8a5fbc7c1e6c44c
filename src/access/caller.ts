import type { RequestOrigin } from '../audit/index.js';

/** Who calls a protected endpoint: the client of a verified and live access token of this server. */
export interface Caller {
  readonly clientId: string;
  /** The scopes of the token, not of the client. */
  readonly scopes: readonly string[];
  readonly jti: string;
  /** `exp` of the token, seconds since the epoch. */
  readonly expiresAt: number;
  readonly origin: RequestOrigin;
}
