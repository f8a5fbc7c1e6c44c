import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { inTransaction, unhurried } from '../database/index.js';
import { ScheduledJobs } from '../queue/index.js';

const foldEverySeconds = 10;
const pruneEverySeconds = 3_600;

/** Changes that one transaction adds up. */
const foldBatch = 20_000;

/** Rows that one statement deletes. */
const pruneBatch = 10_000;

/** Days that counters are kept. */
const daysKept = 400;

/** Adds the oldest changes up, each into all counters that it belongs to; what is read at the same time sees them once. */
const foldTokens = `
  WITH taken AS (
    DELETE FROM token_count_changes WHERE id = ANY (ARRAY(SELECT id FROM token_count_changes ORDER BY id LIMIT $1::int))
    RETURNING client_id, client_epoch, kid, issued_hour, expires_at, issued, revoked
  ), by_client AS (
    INSERT INTO client_token_counts AS t (client_id, client_epoch, expires_at, issued_hour, kid, issued, revoked)
    SELECT client_id, client_epoch, expires_at, issued_hour, kid, sum(issued), sum(revoked) FROM taken GROUP BY 1, 2, 3, 4, 5
    ON CONFLICT (client_id, client_epoch, expires_at, issued_hour, kid)
      DO UPDATE SET issued = t.issued + excluded.issued, revoked = t.revoked + excluded.revoked
  ), by_expiry AS (
    INSERT INTO token_counts AS t (expires_at, issued_hour, kid, issued, revoked)
    SELECT expires_at, issued_hour, kid, sum(issued), sum(revoked) FROM taken GROUP BY 1, 2, 3
    ON CONFLICT (expires_at, issued_hour, kid)
      DO UPDATE SET issued = t.issued + excluded.issued, revoked = t.revoked + excluded.revoked
  ), by_hour AS (
    INSERT INTO token_hours AS t (hour, issued, revoked)
    SELECT issued_hour, sum(issued), 0 FROM taken GROUP BY 1
    ON CONFLICT (hour) DO UPDATE SET issued = t.issued + excluded.issued
  ), by_hour_and_client AS (
    INSERT INTO client_token_hours AS t (hour, client_id, issued)
    SELECT issued_hour, client_id, sum(issued) FROM taken GROUP BY 1, 2 HAVING sum(issued) > 0
    ON CONFLICT (hour, client_id) DO UPDATE SET issued = t.issued + excluded.issued
  ), by_day_and_client AS (
    INSERT INTO client_token_days AS t (day, client_id, issued)
    SELECT date_trunc('day', issued_hour, 'UTC'), client_id, sum(issued) FROM taken GROUP BY 1, 2 HAVING sum(issued) > 0
    ON CONFLICT (day, client_id) DO UPDATE SET issued = t.issued + excluded.issued
  )
  SELECT count(*)::int AS taken FROM taken`;

/** Clients change seldom: their changes are added up among themselves, once there are some. */
const foldClients = `
  WITH taken AS (
    DELETE FROM client_count_changes WHERE (SELECT count(*) FROM client_count_changes) > 100 RETURNING status, change
  )
  INSERT INTO client_count_changes (status, change) SELECT status, sum(change) FROM taken GROUP BY status`;

/**
 * Settles what expired a while ago: how many of those were revoked before is final by then, however long a revocation took to
 * commit. A token counts as revoked if it was itself, or its client was cut or its key revoked before it expired (security.md D5).
 */
const settleTokens = `
  WITH until AS MATERIALIZED (
    SELECT least(statement_timestamp() - interval '10 minutes', min(expires_at) + interval '15 minutes') AS at FROM token_counts
  ), ended AS (
    DELETE FROM token_counts WHERE expires_at <= (SELECT at FROM until)
    RETURNING kid, issued_hour, expires_at, issued, revoked
  ), ended_by_client AS (
    DELETE FROM client_token_counts WHERE expires_at <= (SELECT at FROM until)
    RETURNING client_id, client_epoch, kid, issued_hour, expires_at, issued, revoked
  ), settled AS (
    SELECT e.issued_hour, CASE WHEN k.revoked_at < e.expires_at THEN e.issued ELSE e.revoked END AS revoked
    FROM ended e LEFT JOIN signing_keys k ON k.kid = e.kid
    UNION ALL
    SELECT e.issued_hour, e.issued - e.revoked
    FROM ended_by_client e
    JOIN client_token_cuts c ON c.client_id = e.client_id AND c.client_epoch = e.client_epoch AND c.cut_at < e.expires_at
    LEFT JOIN signing_keys k ON k.kid = e.kid
    WHERE (k.revoked_at < e.expires_at) IS NOT TRUE
  ), by_hour AS (
    INSERT INTO token_hours AS t (hour, issued, revoked)
    SELECT issued_hour, 0, sum(revoked) FROM settled GROUP BY 1 HAVING sum(revoked) <> 0
    ON CONFLICT (hour) DO UPDATE SET revoked = t.revoked + excluded.revoked
  )
  SELECT count(*)::int AS ended FROM ended`;

/** Whoever has read the counters by client learns that they are others now. */
const raiseVersion = 'UPDATE token_folds SET version = version + 1';

const prunedTables = {
  token_hours: 'hour',
  client_token_hours: 'hour',
  client_token_days: 'day',
  refused_request_hours: 'hour',
  coalesced_request_hours: 'hour',
  limited_request_hours: 'hour',
} as const;

/**
 * Adds up what was counted. Whoever counts inserts a row of its own, so that nobody waits for a counter; this job makes few
 * rows of many, and forgets them after 400 days.
 */
@Injectable()
export class TokenCounts implements OnModuleInit {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(ScheduledJobs) private readonly jobs: ScheduledJobs,
  ) {}

  onModuleInit(): void {
    this.jobs.register({
      name: 'statistics-fold',
      everySeconds: foldEverySeconds,
      run: (signal) => this.fold(signal),
    });
    this.jobs.register({
      name: 'statistics-prune',
      everySeconds: pruneEverySeconds,
      run: (signal) => this.prune(signal),
    });
  }

  /** Adds all changes up and settles what has expired; safe at any time, in any number of processes. */
  async fold(signal?: AbortSignal): Promise<void> {
    for (;;) {
      const goesOn = await this.alone(async (tx) => {
        const [folded] = await tx.query<{ taken: number }[]>(foldTokens, [foldBatch]);
        if ((folded?.taken ?? 0) > 0) await tx.query(raiseVersion);
        await tx.query(foldClients);
        const [settled] = await tx.query<{ ended: number }[]>(settleTokens);
        return folded?.taken === foldBatch || (settled?.ended ?? 0) > 0;
      });
      if (!goesOn || signal?.aborted === true) return;
    }
  }

  /** Forgets what was counted longer ago than it is kept. */
  async prune(signal?: AbortSignal): Promise<void> {
    for (const [table, column] of Object.entries(prunedTables)) {
      let deleted: number;
      do {
        deleted = await inTransaction(this.dataSource, (tx) => pruneOnce(tx, table, column), unhurried);
        if (signal?.aborted === true) return;
      } while (deleted === pruneBatch);
    }
  }

  /** Two that add up at the same time would wait for each other row by row; one of them has nothing to do. */
  private alone(work: (tx: EntityManager) => Promise<boolean>): Promise<boolean> {
    return inTransaction(
      this.dataSource,
      async (tx) => {
        const [lock] = await tx.query<{ mine: boolean }[]>(
          `SELECT pg_try_advisory_xact_lock(hashtext('signet.statistics')) AS mine`,
        );
        return lock?.mine === true && work(tx);
      },
      unhurried,
    );
  }
}

/** @param table and `column` are names of this file, never input */
async function pruneOnce(tx: EntityManager, table: string, column: string): Promise<number> {
  const [, deleted] = await tx.query<[unknown[], number]>(
    `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(
       SELECT ctid FROM ${table} WHERE ${column} < statement_timestamp() - make_interval(days => $1) ORDER BY ${column} LIMIT $2))`,
    [daysKept, pruneBatch],
  );
  if (deleted > 0) await tx.query(raiseVersion);
  return deleted;
}
