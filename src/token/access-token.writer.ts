import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Clock } from '../clock/index.js';
import { answerWithinMs, Batches, GroupCommit, Postgres } from '../database/index.js';
import { batchColumns } from './access-token.batch.js';
import type { AccessTokenRecord } from './access-token-record.js';

/**
 * Stores a batch of tokens, their audit entries, the digest by which the entries enter the audit chain, and their counts, under
 * the condition that what each was decided on still holds: all of them or, where one is stale, none.
 *
 * `context` is what the tokens of a batch share: who asked, for what, from where, signed by which key. A context whose client
 * has another version by now, was disabled or deleted, whose registry has changed or whose key signs no longer – but for the
 * moment in which another takes over – finds no partner. Nor does any once the deadline has passed, by which whoever waits was
 * told that there is no token: a database that wakes up must not store it then (security.md T-23). The audit entry has the token's own identifier. The counts are rows
 * of their own, so that no batch waits for another; they are added up later (`statistics/`).
 */
const insertTokens = `
  WITH context AS MATERIALIZED (
    SELECT t.context, t.client_id, c.token_epoch, t.kid, t.scope, t.aud::text[] AS aud, t.details::jsonb AS details,
      t.lifetime * interval '1 second' AS lifetime, t.ip_address, t.user_agent
    FROM unnest($1::int4[], $2::text[], $3::int8[], $4::int8[], $5::text[], $6::text[], $7::text[], $8::text[], $9::int4[],
      $10::inet[], $11::text[])
      AS t (context, client_id, client_version, registry_version, kid, scope, aud, details, lifetime, ip_address, user_agent)
    JOIN clients c ON c.client_id = t.client_id AND c.version = t.client_version AND c.status = 'active'
    JOIN signing_keys k ON k.kid = t.kid
      AND (k.status = 'active' OR (k.status = 'retiring' AND k.retiring_at > statement_timestamp() - interval '30 seconds'))
    JOIN scope_registry r ON r.version = t.registry_version
    WHERE statement_timestamp() < $21::timestamptz
  ), live AS MATERIALIZED (
    SELECT i.jti, i.token_hash, to_timestamp(i.issued_at) AS issued_at, i.request_id, context.*
    FROM unnest($12::uuid[], $13::bytea[], $14::int8[], $15::text[], $16::int4[])
      AS i (jti, token_hash, issued_at, request_id, context)
    JOIN context USING (context)
    WHERE (SELECT count(*) FROM context) = $17::int4
  ), tokens AS (
    INSERT INTO access_tokens (jti, expires_at, token_hash, client_id, client_epoch, kid, scope, aud, issued_at, ip_address,
      user_agent)
    SELECT jti, issued_at + lifetime, token_hash, client_id, token_epoch, kid, scope, aud,
      issued_at, ip_address, user_agent
    FROM live
  ), entries AS (
    INSERT INTO audit_log (id, occurred_at, action, success, actor_client_id, target_type, target_id, ip_address, user_agent,
      request_id, details, batch_id)
    SELECT jti, issued_at, 'token.issued', true, client_id, 'token', jti::text, ip_address, user_agent, request_id,
      details, $18::uuid
    FROM live
  ), batch AS (
    INSERT INTO token_batches (id, entries, digest)
    SELECT $18::uuid, $19::int4, $20::bytea WHERE (SELECT count(*) FROM context) = $17::int4
  ), counts AS (
    INSERT INTO token_count_changes (client_id, client_epoch, kid, issued_hour, expires_at, issued)
    SELECT client_id, token_epoch, kid, date_trunc('hour', issued_at, 'UTC'), issued_at + lifetime, count(*)
    FROM live
    WHERE NOT (ip_address IS NULL AND user_agent IS NOT DISTINCT FROM 'signet/event-delivery')
    GROUP BY client_id, token_epoch, kid, issued_at, lifetime
  )
  SELECT context FROM context`;

/** Longest that a signed token waits for others that are being signed, in milliseconds. */
const gatherMs = 4;

/** Makes tokens durable: the tokens of one moment, and their audit entries, in one commit. */
@Injectable()
export class AccessTokenWriter implements OnApplicationShutdown {
  private signing = 0;
  private readonly batches: GroupCommit<AccessTokenRecord, 'written' | 'stale'>;

  constructor(
    @Inject(Postgres) private readonly postgres: Postgres,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(Batches) batches?: Batches,
  ) {
    this.batches = new GroupCommit({
      maxBatch: 256,
      maxQueued: 5_000,
      expected: () => this.signing,
      maxWaitMs: gatherMs,
      measures: batches?.of('tokens'),
      commit: (records) => this.commit(records),
    });
  }

  /** Announces a token that is being signed, so that a commit waits a moment for it. */
  async expecting<T>(signature: Promise<T>): Promise<T> {
    this.signing += 1;
    try {
      return await signature;
    } finally {
      this.signing -= 1;
      if (this.signing === 0) this.batches.expectLess();
    }
  }

  /**
   * Stores the record of a token, its audit entry and its count; resolves after the commit.
   *
   * @returns `stale` when the terms no longer hold; then nothing was written
   * @throws DatabaseUnavailable
   */
  write(record: AccessTokenRecord): Promise<'written' | 'stale'> {
    return this.batches.add(record);
  }

  /**
   * Stores the record, its audit entry and its count in the transaction `tx`.
   *
   * @returns whether the terms still hold; if not, nothing was written
   */
  async writeIn(tx: EntityManager, record: AccessTokenRecord): Promise<boolean> {
    // That of the transaction is kept where it commits.
    const rows = await tx.query<unknown[]>(insertTokens, [...batchColumns([record]).values, 'infinity']);
    return rows.length === 1;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.batches.drained();
  }

  private async commit(records: readonly AccessTokenRecord[]): Promise<('written' | 'stale')[]> {
    const { contextOf, contexts, values } = batchColumns(records);
    values.push(new Date(this.clock.now() + answerWithinMs).toISOString());
    const rows = await this.postgres.query<{ context: number }>({ name: 'insert_tokens', text: insertTokens, values });
    if (rows.length === contexts) return records.map(() => 'written');
    const live = new Set(rows.map(({ context }) => context));
    const good = records.filter((_, index) => live.has(contextOf[index] ?? -1));
    // The digest was that of all: what is left is a batch of its own.
    const outcomes = good.length === 0 ? [] : await this.commit(good);
    return contextOf.map((context) => (live.has(context) ? (outcomes.shift() ?? 'stale') : 'stale'));
  }
}
