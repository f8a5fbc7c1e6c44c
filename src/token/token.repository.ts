import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { CursorPosition } from '../database/index.js';

/** Where a token stands: revoked by whatever cut it first, else expired, else active. */
export type TokenState = 'active' | 'revoked' | 'expired';

/** A token in a list, with its exact place. */
export interface ListedToken {
  readonly jti: string;
  readonly clientId: string;
  readonly scope: string;
  readonly aud: readonly string[];
  readonly issuedAt: Date;
  readonly expiresAt: Date;
  readonly revokedAt: Date | null;
  readonly revokedReason: string | null;
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
}

/** What a list of tokens is cut down to. */
export interface TokenFilter {
  readonly clientId: string | undefined;
  readonly status: TokenState | undefined;
}

/** A token is cut by itself, by its client or by its key (security.md D5), unless it had expired before. */
const cutAt = `nullif(least(t.expires_at, t.revoked_at, cut.cut_at, k.revoked_at), t.expires_at)`;

const stateConditions: Readonly<Record<TokenState, string>> = {
  revoked: `${cutAt} IS NOT NULL`,
  expired: `${cutAt} IS NULL AND t.expires_at <= statement_timestamp()`,
  active: `${cutAt} IS NULL AND t.expires_at > statement_timestamp()`,
};

/** Queries on `access_tokens` beside the hot path. */
@Injectable()
export class TokenRepository {
  /** Whether the client is active and still at the version that a decision rests on. */
  async isCurrent(tx: EntityManager, client: { clientId: string; version: string }): Promise<boolean> {
    const rows = await tx.query<unknown[]>(
      `SELECT 1 FROM clients WHERE client_id = $1 AND version = $2 AND status = 'active'`,
      [client.clientId, client.version],
    );
    return rows.length === 1;
  }

  /** The client whose token `jti` is or was; `undefined` if there is no record of such a token. */
  async clientOf(manager: EntityManager, jti: string): Promise<string | undefined> {
    const [row] = await manager.query<{ client_id: string }[]>('SELECT client_id FROM access_tokens WHERE jti = $1', [
      jti,
    ]);
    return row?.client_id;
  }

  /** Ends a token that is neither revoked nor expired; `undefined` if there is none. */
  async revoke(
    tx: EntityManager,
    jti: string,
    reason: string,
  ): Promise<{ readonly clientId: string; readonly expiresAt: Date } | undefined> {
    const [rows] = await tx.query<[{ client_id: string; expires_at: Date }[], number]>(
      `UPDATE access_tokens SET revoked_at = statement_timestamp(), revoked_reason = $2
       WHERE jti = $1 AND revoked_at IS NULL AND expires_at > statement_timestamp()
       RETURNING client_id, expires_at`,
      [jti, reason],
    );
    const [row] = rows;
    return row === undefined ? undefined : { clientId: row.client_id, expiresAt: row.expires_at };
  }

  /** How many live tokens the client has. */
  async countLive(tx: EntityManager, clientId: string): Promise<number> {
    const [row] = await tx.query<{ count: number }[]>(
      `SELECT count(*)::int4 AS count FROM access_tokens t
       JOIN clients c ON c.client_id = t.client_id AND c.token_epoch = t.client_epoch AND c.status = 'active'
       JOIN signing_keys k ON k.kid = t.kid AND k.status IN ('active', 'retiring')
       WHERE t.client_id = $1 AND t.revoked_at IS NULL AND t.expires_at > statement_timestamp()`,
      [clientId],
    );
    return row?.count ?? 0;
  }

  /** Tokens after `after`, newest first: a `jti` begins with the time of its making. */
  async list(
    manager: EntityManager,
    { clientId, status }: TokenFilter,
    limit: number,
    after: CursorPosition | undefined,
  ): Promise<ListedToken[]> {
    const parameters: unknown[] = [limit];
    const conditions = ['true'];
    const where = (condition: (place: string) => string, value: unknown) =>
      conditions.push(condition(`$${parameters.push(value)}`));
    if (clientId !== undefined) where((place) => `t.client_id = ${place}`, clientId);
    if (after !== undefined) where((place) => `t.jti < ${place}::uuid`, after.id);
    if (status !== undefined) conditions.push(stateConditions[status]);
    const rows = await manager.query<TokenRow[]>(
      `SELECT t.jti, t.client_id, t.scope, t.aud, t.issued_at, t.expires_at, host(t.ip_address) AS ip_address, t.user_agent,
         ${cutAt} AS revoked_at,
         CASE WHEN ${cutAt} IS NULL THEN NULL
           WHEN t.revoked_at = ${cutAt} THEN t.revoked_reason
           WHEN cut.cut_at = ${cutAt} THEN cut.reason
           ELSE 'key_revoked' END AS revoked_reason
       FROM access_tokens t
       LEFT JOIN client_token_cuts cut ON cut.client_id = t.client_id AND cut.client_epoch = t.client_epoch
       LEFT JOIN signing_keys k ON k.kid = t.kid
       WHERE ${conditions.join(' AND ')}
       ORDER BY t.jti DESC LIMIT $1`,
      parameters,
    );
    return rows.map(fromRow);
  }
}

interface TokenRow {
  readonly jti: string;
  readonly client_id: string;
  readonly scope: string;
  readonly aud: string[];
  readonly issued_at: Date;
  readonly expires_at: Date;
  readonly revoked_at: Date | null;
  readonly revoked_reason: string | null;
  readonly ip_address: string | null;
  readonly user_agent: string | null;
}

function fromRow(row: TokenRow): ListedToken {
  return {
    jti: row.jti,
    clientId: row.client_id,
    scope: row.scope,
    aud: row.aud,
    issuedAt: row.issued_at,
    expiresAt: row.expires_at,
    revokedAt: row.revoked_at,
    revokedReason: row.revoked_reason,
    ipAddress: row.ip_address,
    userAgent: row.user_agent,
  };
}
