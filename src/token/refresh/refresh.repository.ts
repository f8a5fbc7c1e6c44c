import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Postgres } from '../../database/index.js';
import type { RefreshGrant, RefreshState } from './refresh-decision.js';
import type { NewRefreshToken } from './refresh-secrets.js';

/** An access token that was ended with its family. */
export interface RevokedAccessToken {
  readonly jti: string;
  readonly expiresAt: Date;
}

/** A family that begins. */
export interface NewRefreshFamily {
  readonly id: string;
  readonly scope: readonly string[];
  readonly audience: readonly string[];
  readonly jkt: string | undefined;
  readonly certificateThumbprint: string | undefined;
}

/** An access token as its record names it. */
export interface IssuedAccessToken {
  readonly jti: string;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
}

interface StateRow {
  readonly id: string;
  readonly client_id: string;
  readonly scope: string[];
  readonly audience: string[];
  readonly jkt: string | null;
  readonly certificate_thumbprint: string | null;
  readonly family_expires_at: Date;
  readonly is_revoked: boolean;
  readonly is_cut: boolean;
  readonly client_version: string;
  readonly may_refresh: boolean;
  readonly token_id: string;
  readonly hash: Buffer;
  readonly created_at: Date;
  readonly expires_at: Date;
  readonly used_at: Date | null;
  readonly next_id: string | null;
  readonly next_salt: Buffer;
  readonly next_expires_at: Date;
  readonly next_used_at: Date | null;
  readonly now: Date;
}

const selectState = `
  SELECT f.id, f.client_id, f.scope, f.audience, f.jkt, f.certificate_thumbprint, f.expires_at AS family_expires_at,
    f.revoked_at IS NOT NULL AS is_revoked, f.client_epoch <> c.token_epoch AS is_cut, c.version AS client_version,
    c.status = 'active' AND 'refresh_token' = ANY (c.grant_types) AS may_refresh,
    t.token_id, t.hash, t.created_at, t.expires_at, t.used_at,
    n.token_id AS next_id, n.salt AS next_salt, n.expires_at AS next_expires_at, n.used_at AS next_used_at,
    statement_timestamp() AS now
  FROM refresh_tokens t
  JOIN refresh_families f ON f.id = t.family_id
  JOIN clients c ON c.client_id = f.client_id
  LEFT JOIN refresh_tokens n ON n.family_id = t.family_id AND n.generation = t.generation + 1
  WHERE t.token_id = $1`;

/** The family has the epoch of its first access token: whatever cuts the one cuts the other. */
const insertFamily = `
  WITH family AS (
    INSERT INTO refresh_families (id, client_id, client_epoch, scope, audience, jkt, certificate_thumbprint, expires_at)
    SELECT $1, client_id, client_epoch, $4, $5, $6, $7, statement_timestamp() + make_interval(secs => $8)
    FROM access_tokens WHERE jti = $2 AND expires_at = to_timestamp($3)
    RETURNING id, expires_at
  )
  INSERT INTO refresh_tokens (token_id, family_id, generation, hash, salt, expires_at)
  SELECT $9, id, 0, $10, $11, least(statement_timestamp() + make_interval(secs => $12), expires_at) FROM family
  RETURNING token_id`;

const rotateToken = `
  WITH used AS (
    UPDATE refresh_tokens SET used_at = statement_timestamp() WHERE token_id = $1 AND used_at IS NULL
    RETURNING family_id, generation
  ), family AS (
    UPDATE refresh_families f SET generation = used.generation + 1 FROM used WHERE f.id = used.family_id
    RETURNING f.id, f.generation, f.expires_at
  )
  INSERT INTO refresh_tokens (token_id, family_id, generation, hash, salt, expires_at)
  SELECT $2, id, generation, $3, $4, least(statement_timestamp() + make_interval(secs => $5), expires_at) FROM family
  RETURNING token_id`;

/** Those that have expired need not be ended any more. */
const insertFamilyToken = `
  WITH expired AS (
    DELETE FROM refresh_family_tokens WHERE family_id = $1 AND expires_at < statement_timestamp()
  )
  INSERT INTO refresh_family_tokens (family_id, jti, expires_at) VALUES ($1, $2, to_timestamp($3))`;

/** Those that were cut with all tokens of their client are dead already. */
const revokeAccessTokens = `
  WITH revoked AS (
    UPDATE access_tokens t SET revoked_at = statement_timestamp(), revoked_reason = $2
    FROM refresh_family_tokens i, clients c
    WHERE i.family_id = $1 AND i.expires_at > statement_timestamp()
      AND t.jti = i.jti AND t.expires_at = i.expires_at AND t.revoked_at IS NULL
      AND c.client_id = t.client_id AND c.token_epoch = t.client_epoch
    RETURNING t.jti, t.expires_at
  )
  SELECT jti, expires_at FROM revoked ORDER BY jti`;

const pruneFamilies = `
  DELETE FROM refresh_families WHERE id = ANY (ARRAY(
    SELECT id FROM refresh_families WHERE expires_at < statement_timestamp() - make_interval(secs => $1::float8)
    ORDER BY expires_at LIMIT $2::int FOR UPDATE SKIP LOCKED))
  RETURNING 1`;

/** The only queries on refresh tokens and their families. Lifetimes are by the clock of the database. */
@Injectable()
export class RefreshRepository {
  constructor(@Inject(Postgres) private readonly postgres: Postgres) {}

  /** What is known of the token with this identifier, now. Nothing may be done on it but within `lock`. */
  async look(tokenId: string): Promise<RefreshState | undefined> {
    const [row] = await this.postgres.query<StateRow>({ name: 'refresh_state', text: selectState, values: [tokenId] });
    return row === undefined ? undefined : stateOf(row);
  }

  /** As `look`, in a transaction: after `lock` of its family nobody else changes what it tells. */
  async find(tx: EntityManager, tokenId: string): Promise<RefreshState | undefined> {
    const [row] = await tx.query<StateRow[]>(selectState, [tokenId]);
    return row === undefined ? undefined : stateOf(row);
  }

  /** Whoever uses a token of a family, or ends the family, does it alone. */
  async lock(tx: EntityManager, familyId: string): Promise<void> {
    await tx.query('SELECT 1 FROM refresh_families WHERE id = $1 FOR UPDATE', [familyId]);
  }

  /** Begins a family with its first token and its first access token, whose record is stored already. */
  async begin(
    tx: EntityManager,
    family: NewRefreshFamily,
    accessToken: IssuedAccessToken,
    { tokenId, hash, salt }: NewRefreshToken,
    lifetimes: { readonly idleSeconds: number; readonly absoluteSeconds: number },
  ): Promise<void> {
    const begun = await tx.query<unknown[]>(insertFamily, [
      family.id,
      accessToken.jti,
      accessToken.expiresAt,
      family.scope,
      family.audience,
      family.jkt ?? null,
      family.certificateThumbprint ?? null,
      lifetimes.absoluteSeconds,
      tokenId,
      hash,
      salt,
      lifetimes.idleSeconds,
    ]);
    if (begun.length !== 1) throw new Error('a family began without its access token');
    await this.addAccessToken(tx, family.id, accessToken);
  }

  /** Uses a token up for its successor; to be called within `lock`, for a token that is unused. */
  async rotate(
    tx: EntityManager,
    usedTokenId: string,
    { tokenId, hash, salt }: NewRefreshToken,
    idleSeconds: number,
  ): Promise<void> {
    const rotated = await tx.query<unknown[]>(rotateToken, [usedTokenId, tokenId, hash, salt, idleSeconds]);
    if (rotated.length !== 1) throw new Error('a refresh token was used twice');
  }

  /** The family may ask for nothing but `grant` any more; to be called within `lock`. */
  async narrow(tx: EntityManager, familyId: string, { scope, audience }: RefreshGrant): Promise<void> {
    await tx.query('UPDATE refresh_families SET scope = $2, audience = $3 WHERE id = $1', [familyId, scope, audience]);
  }

  /** Lets the access token end with the family. */
  async addAccessToken(tx: EntityManager, familyId: string, { jti, expiresAt }: IssuedAccessToken): Promise<void> {
    await tx.query(insertFamilyToken, [familyId, jti, expiresAt]);
  }

  /**
   * Ends the family and its live access tokens; to be called within `lock`.
   *
   * @returns whose it was and the access tokens; `undefined` when it was revoked before
   */
  async revoke(
    tx: EntityManager,
    familyId: string,
    reason: string,
  ): Promise<{ readonly clientId: string; readonly accessTokens: RevokedAccessToken[] } | undefined> {
    const [families] = await tx.query<[{ client_id: string }[], number]>(
      `UPDATE refresh_families SET revoked_at = statement_timestamp(), revoked_reason = $2
       WHERE id = $1 AND revoked_at IS NULL RETURNING client_id`,
      [familyId, reason],
    );
    const [family] = families;
    if (family === undefined) return undefined;
    const rows = await tx.query<{ jti: string; expires_at: Date }[]>(revokeAccessTokens, [familyId, reason]);
    const accessTokens = rows.map((row) => ({ jti: row.jti, expiresAt: row.expires_at }));
    return { clientId: family.client_id, accessTokens };
  }

  /**
   * Deletes at most `limit` families that ended `keptSeconds` ago or earlier, with all that belongs to them.
   *
   * @returns how many
   */
  async prune(keptSeconds: number, limit: number): Promise<number> {
    const values = [keptSeconds, limit];
    return (await this.postgres.query({ name: 'refresh_prune', text: pruneFamilies, values })).length;
  }
}

function stateOf(row: StateRow): RefreshState {
  return {
    family: {
      id: row.id,
      clientId: row.client_id,
      scope: row.scope,
      audience: row.audience,
      jkt: row.jkt ?? undefined,
      certificateThumbprint: row.certificate_thumbprint ?? undefined,
      expiresAt: row.family_expires_at.getTime(),
      isRevoked: row.is_revoked,
      isCut: row.is_cut,
    },
    token: {
      tokenId: row.token_id,
      hash: row.hash,
      createdAt: row.created_at.getTime(),
      expiresAt: row.expires_at.getTime(),
      usedAt: row.used_at?.getTime(),
    },
    successor:
      row.next_id === null
        ? undefined
        : {
            tokenId: row.next_id,
            salt: row.next_salt,
            expiresAt: row.next_expires_at.getTime(),
            usedAt: row.next_used_at?.getTime(),
          },
    client: { version: row.client_version, mayRefresh: row.may_refresh },
    now: row.now.getTime(),
  };
}
