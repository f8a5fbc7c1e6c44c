import type { RequestOrigin } from '../audit/index.js';
import type { TokenTerms } from './token-terms.js';

/** One issued token as it is to be stored. The token itself is not. */
export interface AccessTokenRecord {
  readonly jti: string;
  /** SHA-256 of the token, hexadecimal. */
  readonly tokenHash: string;
  readonly kid: string;
  /** Seconds since the epoch. */
  readonly issuedAt: number;
  readonly terms: TokenTerms;
  readonly origin: RequestOrigin;
}
