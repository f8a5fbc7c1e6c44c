/** The refresh token that is presented, as it is stored. Times in milliseconds, all by the clock of the database. */
export interface StoredRefreshToken {
  readonly tokenId: string;
  /** HMAC-SHA-256 of the token, 32 bytes. */
  readonly hash: Buffer;
  readonly createdAt: number;
  /** The end of its idle time. */
  readonly expiresAt: number;
  readonly usedAt: number | undefined;
}

/** The one token that follows it in its family. */
export interface StoredSuccessor {
  readonly tokenId: string;
  readonly salt: Buffer;
  readonly expiresAt: number;
  readonly usedAt: number | undefined;
}

/** What may be asked for with a refresh token. */
export interface RefreshGrant {
  readonly scope: readonly string[];
  readonly audience: readonly string[];
}

/** A family: what is left of what was granted, to whom, and whether it still stands. */
export interface RefreshFamily extends RefreshGrant {
  readonly id: string;
  readonly clientId: string;
  /** Thumbprint of the DPoP key that it was begun with. */
  readonly jkt: string | undefined;
  /** Thumbprint of the client certificate that it was begun with. */
  readonly certificateThumbprint: string | undefined;
  /** The end of its absolute time, milliseconds. */
  readonly expiresAt: number;
  readonly isRevoked: boolean;
  /** Whether all tokens of its client were ended since it began. */
  readonly isCut: boolean;
}

/** Everything that a decision about a presented token rests on, as it was at one moment. */
export interface RefreshState {
  readonly family: RefreshFamily;
  readonly token: StoredRefreshToken;
  readonly successor: StoredSuccessor | undefined;
  /** The client of the family: which version it has, and whether it may use refresh tokens. */
  readonly client: { readonly version: string; readonly mayRefresh: boolean };
  /** That moment, milliseconds. */
  readonly now: number;
}

/** Why a refresh token is refused: for the audit log, never for the client. */
export type RefreshFault =
  'refresh_family_cut' | 'refresh_family_revoked' | 'refresh_token_expired' | 'refresh_token_reused';

/**
 * What becomes of a presented token: `rotate` – it is used up for a successor; `repeat` – the answer that gave its successor
 * may have been lost, and is given again; `reuse` – its family is to be revoked; `refuse` – nothing changes.
 */
export type RefreshDecision =
  | { readonly verdict: 'rotate' | 'repeat'; readonly fault?: undefined }
  | { readonly verdict: 'reuse' | 'refuse'; readonly fault: RefreshFault };

/** The part of the state that decides. */
export interface RefreshStanding {
  readonly family: Pick<RefreshFamily, 'expiresAt' | 'isCut' | 'isRevoked'>;
  readonly token: Pick<StoredRefreshToken, 'expiresAt' | 'usedAt'>;
  readonly successor: Pick<StoredSuccessor, 'expiresAt' | 'usedAt'> | undefined;
  readonly now: number;
}

/**
 * Decides about a token that its own client presents (RFC 9700 §4.14.2, security.md D6).
 *
 * A token that was used before is a sign that two hold it, whether it would have expired by now or not: its family ends. Only
 * for `graceSeconds` after its use, and only while its successor is unused, it is taken for a repetition.
 */
export function decideRefresh(standing: RefreshStanding, graceSeconds: number): RefreshDecision {
  const { family, token, successor, now } = standing;
  const repeatable =
    isInGrace(token.usedAt, now, graceSeconds) && successor?.usedAt === undefined ? successor : undefined;
  const wasReused = token.usedAt !== undefined && repeatable === undefined;
  if (family.isRevoked) return refuse(wasReused ? 'refresh_token_reused' : 'refresh_family_revoked');
  if (family.isCut) return refuse('refresh_family_cut');
  if (family.expiresAt <= now) return refuse('refresh_token_expired');
  if (wasReused) return { verdict: 'reuse', fault: 'refresh_token_reused' };
  if ((repeatable ?? token).expiresAt <= now) return refuse('refresh_token_expired');
  return { verdict: repeatable === undefined ? 'rotate' : 'repeat' };
}

/** Never for a grace of 0, whatever the clock does. */
function isInGrace(usedAt: number | undefined, now: number, graceSeconds: number): boolean {
  return graceSeconds > 0 && usedAt !== undefined && now < usedAt + graceSeconds * 1000;
}

function refuse(fault: RefreshFault): RefreshDecision {
  return { verdict: 'refuse', fault };
}
