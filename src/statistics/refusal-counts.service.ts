import { randomInt } from 'node:crypto';
import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { GroupCommit, isDatabaseUnavailable, Postgres } from '../database/index.js';
import type { OAuthErrorCode } from '../protocol/index.js';

/** Rows in which processes count the same thing beside each other, so that they seldom wait for one another. */
const shards = 16;

/** How long a refusal that is counted later may stay in memory, in milliseconds. */
const flushEveryMs = 1_000;

/** In one order, so that two processes with the same shard cannot each hold what the other needs. */
const addRefusals = `
  INSERT INTO refused_request_hours AS h (hour, error, shard, refused)
  SELECT date_trunc('hour', statement_timestamp(), 'UTC'), r.error, $3::int2, r.refused
  FROM unnest($1::text[], $2::int8[]) AS r (error, refused)
  ORDER BY r.error
  ON CONFLICT (hour, error, shard) DO UPDATE SET refused = h.refused + excluded.refused`;

/** Counts refused requests for tokens by hour and error. What it is told is not forgotten while the process lives. */
@Injectable()
export class RefusalCounts implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger('statistics');
  private readonly shard = randomInt(shards);
  private readonly batches: GroupCommit<OAuthErrorCode, undefined>;
  private later = new Map<OAuthErrorCode, number>();
  private timer: NodeJS.Timeout | undefined;

  constructor(@Inject(Postgres) private readonly postgres: Postgres) {
    this.batches = new GroupCommit({
      maxBatch: 1_000,
      maxQueued: 10_000,
      commit: async (errors) => {
        const counts = new Map<OAuthErrorCode, number>();
        for (const error of errors) counts.set(error, (counts.get(error) ?? 0) + 1);
        await this.write(counts);
        return errors.map(() => undefined);
      },
    });
  }

  onModuleInit(): void {
    this.timer = setInterval(() => void this.flush(), flushEveryMs).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.batches.drained();
    await this.flush();
  }

  /** Counts a refusal; resolves once that is durable, or the database is away and it is to be counted later. Never fails. */
  async count(error: OAuthErrorCode): Promise<void> {
    try {
      await this.batches.add(error);
    } catch {
      this.countLater(error);
    }
  }

  /** Counts one of a flood of refusals, with the others of the same second: a crash loses that second, a shutdown nothing. */
  countLater(error: OAuthErrorCode): void {
    this.later.set(error, (this.later.get(error) ?? 0) + 1);
  }

  /** Writes what was counted in memory. A fault leaves it there. */
  async flush(): Promise<void> {
    if (this.later.size === 0) return;
    const counts = this.later;
    this.later = new Map();
    try {
      await this.write(counts);
    } catch (error) {
      for (const [code, count] of counts) this.later.set(code, (this.later.get(code) ?? 0) + count);
      if (!isDatabaseUnavailable(error)) this.logger.error(error);
    }
  }

  private async write(counts: ReadonlyMap<OAuthErrorCode, number>): Promise<void> {
    await this.postgres.query({
      name: 'add_refusals',
      text: addRefusals,
      values: [[...counts.keys()], [...counts.values()], this.shard],
    });
  }
}
