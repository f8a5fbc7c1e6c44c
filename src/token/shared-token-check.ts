import { randomInt } from 'node:crypto';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Batches, GroupCommit, Postgres } from '../database/index.js';
import type { AccessTokenRecord } from './access-token-record.js';

/** Rows in which processes count beside each other, so that they seldom wait for one another. */
const shards = 16;

/**
 * Which of these tokens may be given once more: each is live, and what its decision rested on is as it was – the client, the registry,
 * and a key that may sign. The answers that follow are counted with it, in one commit.
 */
const confirmTokens = `
  WITH live AS MATERIALIZED (
    SELECT a.n::int4 AS n, a.answers
    FROM unnest($1::uuid[], $2::int8[], $3::text[], $4::int8[], $5::int8[], $6::int4[])
      WITH ORDINALITY AS a (jti, expires_at, client_id, client_version, registry_version, answers, n)
    JOIN access_tokens t ON t.jti = a.jti AND t.expires_at = to_timestamp(a.expires_at)
      AND t.revoked_at IS NULL AND t.expires_at > statement_timestamp()
    JOIN clients c ON c.client_id = t.client_id AND c.client_id = a.client_id AND c.version = a.client_version
      AND c.token_epoch = t.client_epoch AND c.status = 'active'
    JOIN signing_keys k ON k.kid = t.kid
      AND (k.status = 'active' OR (k.status = 'retiring' AND k.retiring_at > statement_timestamp() - interval '30 seconds'))
    JOIN scope_registry r ON r.version = a.registry_version
  ), counted AS (
    INSERT INTO coalesced_request_hours AS h (hour, shard, requests)
    SELECT date_trunc('hour', statement_timestamp(), 'UTC'), $7::int2, sum(answers) FROM live HAVING sum(answers) > 0
    ON CONFLICT (hour, shard) DO UPDATE SET requests = h.requests + excluded.requests
  )
  SELECT n FROM live`;

/** Asks the database of record whether tokens may be given to further requests: the questions of one moment are one statement. */
@Injectable()
export class SharedTokenCheck implements OnApplicationShutdown {
  private readonly shard = randomInt(shards);
  private readonly batches: GroupCommit<AccessTokenRecord, boolean>;

  constructor(
    @Inject(Postgres) private readonly postgres: Postgres,
    @Inject(Batches) batches: Batches,
  ) {
    this.batches = new GroupCommit({
      maxBatch: 256,
      maxQueued: 10_000,
      measures: batches.of('coalesced'),
      commit: (records) => this.confirm(records),
    });
  }

  /**
   * Whether the token may be given once more, as of a statement that begins after this call; if so, it is counted.
   *
   * @throws DatabaseUnavailable when the truth cannot be known
   */
  holds(record: AccessTokenRecord): Promise<boolean> {
    return this.batches.add(record);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.batches.drained();
  }

  private async confirm(records: readonly AccessTokenRecord[]): Promise<boolean[]> {
    const answers = new Map<AccessTokenRecord, number>();
    for (const record of records) answers.set(record, (answers.get(record) ?? 0) + 1);
    const asked = [...answers.keys()];
    const rows = await this.postgres.query<{ n: number }>({
      name: 'confirm_shared_tokens',
      text: confirmTokens,
      values: [
        asked.map(({ jti }) => jti),
        asked.map(({ issuedAt, terms }) => issuedAt + terms.lifetimeSeconds),
        asked.map(({ terms }) => terms.clientId),
        asked.map(({ terms }) => terms.clientVersion),
        asked.map(({ terms }) => terms.registryVersion),
        [...answers.values()],
        this.shard,
      ],
    });
    const live = new Set(rows.map(({ n }) => asked[n - 1]));
    return records.map((record) => live.has(record));
  }
}
