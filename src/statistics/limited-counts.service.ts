import { randomInt } from 'node:crypto';
import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { isDatabaseUnavailable, Postgres } from '../database/index.js';

/** Rows in which processes count the same thing beside each other, so that they seldom wait for one another. */
const shards = 16;

/** How long a count may stay in memory, in milliseconds. */
const flushEveryMs = 1_000;

/** In one order, so that two processes with the same shard cannot each hold what the other needs. */
const addLimited = `
  INSERT INTO limited_request_hours AS h (hour, client_id, quota, mode, shard, requests)
  SELECT date_trunc('hour', statement_timestamp(), 'UTC'), r.client_id, r.quota, r.mode, $5::int2, r.requests
  FROM unnest($1::text[], $2::text[], $3::text[], $4::int8[]) AS r (client_id, quota, mode, requests)
  ORDER BY r.client_id, r.quota, r.mode
  ON CONFLICT (hour, client_id, quota, mode, shard) DO UPDATE SET requests = h.requests + excluded.requests`;

interface Limited {
  readonly clientId: string;
  readonly quota: 'minute' | 'day';
  readonly mode: 'enforce' | 'report';
  requests: number;
}

/** Counts requests beyond the quotas of their clients, of which there are no more than clients. */
@Injectable()
export class LimitedCounts implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger('statistics');
  private readonly shard = randomInt(shards);
  private counted = new Map<string, Limited>();
  private timer: NodeJS.Timeout | undefined;

  constructor(@Inject(Postgres) private readonly postgres: Postgres) {}

  onModuleInit(): void {
    this.timer = setInterval(() => void this.flush(), flushEveryMs).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.flush();
  }

  /** Counts a request, with the others of the same second: a crash loses that second, a shutdown nothing. */
  countLater(clientId: string, quota: Limited['quota'], mode: Limited['mode'], requests = 1): void {
    const key = `${quota} ${mode} ${clientId}`;
    const known = this.counted.get(key);
    if (known === undefined) this.counted.set(key, { clientId, quota, mode, requests });
    else known.requests += requests;
  }

  /** Writes what was counted in memory. A fault leaves it there. */
  async flush(): Promise<void> {
    if (this.counted.size === 0) return;
    const rows = [...this.counted.values()];
    this.counted = new Map();
    try {
      await this.postgres.query({
        name: 'add_limited',
        text: addLimited,
        values: [
          rows.map(({ clientId }) => clientId),
          rows.map(({ quota }) => quota),
          rows.map(({ mode }) => mode),
          rows.map(({ requests }) => requests),
          this.shard,
        ],
      });
    } catch (error) {
      for (const { clientId, quota, mode, requests } of rows) this.countLater(clientId, quota, mode, requests);
      if (!isDatabaseUnavailable(error)) this.logger.error(error);
    }
  }
}
