import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { GroupCommit, Postgres } from '../database/index.js';
import { batchColumns } from './access-token.batch.js';
import type { AccessTokenRecord } from './access-token-record.js';

/**
 * Stores a batch of tokens and their audit entries, each under the condition that what it was decided on still holds.
 *
 * `context` is what the tokens of a batch share: who asked, for what, from where, signed by which key. A context whose client
 * has another version by now, was disabled or deleted, whose registry has changed or whose key signs no longer – but for the
 * moment in which another takes over – finds no partner, and its tokens are not written. The audit entry has the token's own identifier.
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
  ), live AS MATERIALIZED (
    SELECT i.jti, i.token_hash, to_timestamp(i.issued_at) AS issued_at, i.request_id, context.*
    FROM unnest($12::uuid[], $13::bytea[], $14::int8[], $15::text[], $16::int4[])
      AS i (jti, token_hash, issued_at, request_id, context)
    JOIN context USING (context)
  ), tokens AS (
    INSERT INTO access_tokens (jti, expires_at, token_hash, client_id, client_epoch, kid, scope, aud, issued_at, ip_address,
      user_agent)
    SELECT jti, issued_at + lifetime, token_hash, client_id, token_epoch, kid, scope, aud,
      issued_at, ip_address, user_agent
    FROM live
  ), entries AS (
    INSERT INTO audit_log (id, occurred_at, action, success, actor_client_id, target_type, target_id, ip_address, user_agent,
      request_id, details)
    SELECT jti, issued_at, 'token.issued', true, client_id, 'token', jti::text, ip_address, user_agent, request_id,
      details
    FROM live
  )
  SELECT context FROM context`;

/** Longest that a signed token waits for others that are being signed, in milliseconds. */
const gatherMs = 4;

/** Makes tokens durable: the tokens of one moment, and their audit entries, in one commit. */
@Injectable()
export class AccessTokenWriter implements OnApplicationShutdown {
  private signing = 0;
  private readonly batches: GroupCommit<AccessTokenRecord, 'written' | 'stale'>;

  constructor(@Inject(Postgres) private readonly postgres: Postgres) {
    this.batches = new GroupCommit({
      maxBatch: 256,
      maxQueued: 5_000,
      expected: () => this.signing,
      maxWaitMs: gatherMs,
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
   * Stores the record of a token and its audit entry; resolves after the commit.
   *
   * @returns `stale` when the terms no longer hold; then nothing was written
   * @throws DatabaseUnavailable
   */
  write(record: AccessTokenRecord): Promise<'written' | 'stale'> {
    return this.batches.add(record);
  }

  /**
   * Stores the record and its audit entry in the transaction `tx`.
   *
   * @returns whether the terms still hold; if not, nothing was written
   */
  async writeIn(tx: EntityManager, record: AccessTokenRecord): Promise<boolean> {
    const rows = await tx.query<unknown[]>(insertTokens, batchColumns([record]).values);
    return rows.length === 1;
  }

  async onApplicationShutdown(): Promise<void> {
    await this.batches.drained();
  }

  private async commit(records: readonly AccessTokenRecord[]): Promise<('written' | 'stale')[]> {
    const { contextOf, values } = batchColumns(records);
    const rows = await this.postgres.query<{ context: number }>({ name: 'insert_tokens', text: insertTokens, values });
    const live = new Set(rows.map(({ context }) => context));
    return contextOf.map((context) => (live.has(context) ? 'written' : 'stale'));
  }
}
