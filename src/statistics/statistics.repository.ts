import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Bucket } from './statistics-query.js';

/** Hours, half-open. */
export interface Hours {
  readonly from: Date;
  readonly to: Date;
}

/** How many tokens were issued in some hours, and where they stand now: each is active, revoked or expired. */
export interface TokenCount {
  readonly issued: number;
  readonly active: number;
  readonly revoked: number;
  readonly expired: number;
}

/** What happened in a bucket; `at` is its start, milliseconds since the epoch. */
export interface BucketCount {
  readonly at: number;
  readonly issued: number;
  readonly failed: number;
}

/**
 * Tokens that had not expired a while ago are counted by the minute and the second of their expiry: of most minutes all tokens
 * are live or all have expired, and seconds are read of the current one, and of keys that were revoked. `token_count_changes` is
 * what has not been added up yet. Their client's cuts are looked up from the side of the cuts: clients that were not cut cost
 * nothing.
 */
const selectTokens = `
  WITH changes AS MATERIALIZED (
    SELECT client_id, client_epoch, kid, expires_at, issued, revoked FROM token_count_changes
    WHERE issued_hour >= $1 AND issued_hour < $2
  ), minutes AS MATERIALIZED (
    SELECT minute, kid, issued, revoked FROM token_minutes WHERE issued_hour >= $1 AND issued_hour < $2
  ), this_minute AS MATERIALIZED (
    SELECT date_trunc('minute', statement_timestamp(), 'UTC') AS minute
  ), revoked_keys AS MATERIALIZED (
    SELECT kid, revoked_at FROM signing_keys WHERE revoked_at IS NOT NULL AND kid IN (SELECT kid FROM minutes)
  ), cuts AS MATERIALIZED (
    -- No token lives longer than a day: an earlier cut ended none of those that are not settled yet.
    SELECT client_id, client_epoch, cut_at FROM client_token_cuts
    WHERE cut_at > least((SELECT min(expires_at) FROM token_counts), (SELECT min(expires_at) FROM changes)) - interval '1 day'
  ), of_cut_clients AS (
    -- By the index, however many other clients there are.
    SELECT t.kid, t.expires_at, t.issued - t.revoked AS ended
    FROM cuts c
    CROSS JOIN LATERAL (
      SELECT kid, expires_at, issued, revoked FROM client_token_counts
      WHERE client_id = c.client_id AND client_epoch = c.client_epoch AND expires_at > c.cut_at
        AND issued_hour >= $1 AND issued_hour < $2
      OFFSET 0
    ) t
    UNION ALL
    SELECT t.kid, t.expires_at, t.issued - t.revoked
    FROM cuts c
    JOIN changes t ON t.client_id = c.client_id AND t.client_epoch = c.client_epoch AND t.expires_at > c.cut_at
  ), by_second AS (
    SELECT t.kid, t.expires_at, t.issued, t.revoked
    FROM this_minute m
    CROSS JOIN LATERAL (
      SELECT kid, expires_at, issued, revoked FROM token_counts
      WHERE expires_at >= m.minute AND expires_at < m.minute + interval '1 minute' AND issued_hour >= $1 AND issued_hour < $2
      OFFSET 0
    ) t
    WHERE t.kid NOT IN (SELECT kid FROM revoked_keys)
    UNION ALL
    SELECT t.kid, t.expires_at, t.issued, t.revoked
    FROM revoked_keys k
    CROSS JOIN LATERAL (
      SELECT kid, expires_at, issued, revoked FROM token_counts
      WHERE kid = k.kid AND issued_hour >= $1 AND issued_hour < $2
      OFFSET 0
    ) t
    UNION ALL
    SELECT kid, expires_at, issued, revoked FROM changes
  ), unsettled AS (
    -- All tokens of a later minute are live, and all of an earlier one have expired.
    SELECT minute AS expires_at, issued, revoked FROM minutes
    WHERE minute <> (SELECT minute FROM this_minute) AND kid NOT IN (SELECT kid FROM revoked_keys)
    UNION ALL
    SELECT t.expires_at, t.issued, CASE WHEN k.revoked_at < t.expires_at THEN t.issued ELSE t.revoked END
    FROM by_second t
    LEFT JOIN signing_keys k ON k.kid = t.kid
    UNION ALL
    SELECT t.expires_at, 0, t.ended
    FROM of_cut_clients t
    LEFT JOIN signing_keys k ON k.kid = t.kid
    WHERE (k.revoked_at < t.expires_at) IS NOT TRUE
  ), settled AS (
    SELECT sum(issued) AS issued, sum(revoked) AS revoked FROM token_hours WHERE hour >= $1 AND hour < $2
  )
  SELECT
    (coalesce((SELECT issued FROM settled), 0) + coalesce((SELECT sum(issued) FROM changes), 0))::float8 AS issued,
    (coalesce((SELECT revoked FROM settled), 0) + coalesce(sum(revoked), 0))::float8 AS revoked,
    coalesce(sum(issued - revoked) FILTER (WHERE expires_at > statement_timestamp()), 0)::float8 AS active
  FROM unsettled`;

const selectSeries = `
  SELECT extract(epoch FROM date_trunc($3, hour, 'UTC'))::float8 * 1000 AS at,
    sum(issued)::float8 AS issued, sum(failed)::float8 AS failed
  FROM (
    SELECT hour, issued, 0 AS failed FROM token_hours WHERE hour >= $1 AND hour < $2
    UNION ALL
    SELECT issued_hour, issued, 0 FROM token_count_changes WHERE issued_hour >= $1 AND issued_hour < $2
    UNION ALL
    SELECT hour, 0, refused FROM refused_request_hours WHERE hour >= $1 AND hour < $2
  ) counted
  GROUP BY 1`;

const selectLimited = `
  SELECT client_id, quota AS limit, coalesce(sum(requests) FILTER (WHERE mode = 'enforce'), 0)::float8 AS refused,
    coalesce(sum(requests) FILTER (WHERE mode = 'report'), 0)::float8 AS would_be_refused
  FROM limited_request_hours WHERE hour >= $1 AND hour < $2
  GROUP BY client_id, quota ORDER BY sum(requests) DESC, client_id, quota LIMIT $3`;

const selectErrors = `
  SELECT error, sum(refused)::float8 AS refused FROM refused_request_hours WHERE hour >= $1 AND hour < $2
  GROUP BY error ORDER BY sum(refused) DESC, error`;

/** Requests of a client that went beyond one of its quotas. */
export interface LimitedCount {
  readonly client_id: string;
  readonly limit: 'minute' | 'day';
  readonly refused: number;
  readonly would_be_refused: number;
}

/** Reads the counters. What is read in one transaction of one snapshot fits together. */
@Injectable()
export class StatisticsRepository {
  /** How many clients there are in each status; deleted ones are no clients. */
  async clients(tx: EntityManager): Promise<{ readonly active: number; readonly disabled: number }> {
    const rows = await tx.query<{ status: string; clients: number }[]>(
      'SELECT status, sum(change)::float8 AS clients FROM client_count_changes GROUP BY status',
    );
    const counts = new Map(rows.map(({ status, clients }) => [status, clients]));
    return { active: counts.get('active') ?? 0, disabled: counts.get('disabled') ?? 0 };
  }

  /** Tokens that were issued in these hours. */
  async tokens(tx: EntityManager, { from, to }: Hours): Promise<TokenCount> {
    const [row] = await tx.query<{ issued: number; revoked: number; active: number }[]>(selectTokens, [from, to]);
    const { issued = 0, revoked = 0, active = 0 } = row ?? {};
    return { issued, active, revoked, expired: issued - active - revoked };
  }

  /** Tokens issued and requests refused, by bucket; buckets in which nothing happened are left out. */
  series(tx: EntityManager, { from, to }: Hours, bucket: Bucket): Promise<BucketCount[]> {
    return tx.query<BucketCount[]>(selectSeries, [from, to, bucket]);
  }

  /** How many requests were answered with a token that was made for another one. */
  async coalesced(tx: EntityManager, { from, to }: Hours): Promise<number> {
    const [row] = await tx.query<{ requests: number }[]>(
      'SELECT coalesce(sum(requests), 0)::float8 AS requests FROM coalesced_request_hours WHERE hour >= $1 AND hour < $2',
      [from, to],
    );
    return row?.requests ?? 0;
  }

  /** The clients that went beyond their quotas most often. */
  limited(tx: EntityManager, { from, to }: Hours, limit: number): Promise<LimitedCount[]> {
    return tx.query<LimitedCount[]>(selectLimited, [from, to, limit]);
  }

  /** Refused requests by the `error` that they were answered with, most frequent first. */
  async errors(tx: EntityManager, { from, to }: Hours): Promise<Readonly<Record<string, number>>> {
    const rows = await tx.query<{ error: string; refused: number }[]>(selectErrors, [from, to]);
    return Object.fromEntries(rows.map(({ error, refused }) => [error, refused]));
  }
}
