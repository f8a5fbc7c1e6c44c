import { Inject, Injectable, Logger, type BeforeApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Clock } from '../clock/index.js';
import { isDatabaseUnavailable, Postgres } from '../database/index.js';

interface Use {
  readonly clientId: string;
  /** `null` where the client authenticated without a secret. */
  readonly secretId: string | null;
  /** When it was used last, milliseconds since the epoch. */
  at: number;
  /** The `at` that was written last, and when that was. */
  written: number;
  writtenAt: number;
}

const flushEveryMs = 2_000;
const writeEveryMs = 60_000;
const maxEntries = 10_000;

/**
 * Rows that an admin has locked are passed over and come round again. Whoever writes to a secret holds its client's row, so no
 * lock on `client_secrets` is ever waited for.
 */
const writeUses = `
  WITH used AS (
    SELECT client_id, secret_id, to_timestamp(at / 1000.0) AS at
    FROM unnest($1::text[], $2::text[], $3::bigint[]) AS u (client_id, secret_id, at)
  ), locked AS (
    SELECT client_id FROM clients WHERE client_id IN (SELECT client_id FROM used) FOR NO KEY UPDATE SKIP LOCKED
  ), secrets AS (
    UPDATE client_secrets s SET last_used_at = greatest(s.last_used_at, u.at)
    FROM used u JOIN locked USING (client_id) WHERE s.secret_id = u.secret_id AND s.client_id = u.client_id
  )
  UPDATE clients c SET last_used_at = greatest(c.last_used_at, u.at)
  FROM (SELECT client_id, max(at) AS at FROM used JOIN locked USING (client_id) GROUP BY client_id) u
  WHERE c.client_id = u.client_id
  RETURNING c.client_id`;

/**
 * Keeps `last_used_at` of clients and secrets: noted in memory, written in batches, for each secret at most once a minute
 * (security.md D1). A use that is lost in a crash is no loss.
 */
@Injectable()
export class ClientUsage implements OnModuleInit, BeforeApplicationShutdown {
  private readonly logger = new Logger('client-usage');
  private readonly uses = new Map<string, Use>();
  private timer: NodeJS.Timeout | undefined;
  private flushing: Promise<void> | undefined;

  constructor(
    @Inject(Postgres) private readonly postgres: Postgres,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.timer = setInterval(() => void this.flush(), flushEveryMs);
    this.timer.unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.flush(0);
  }

  /**
   * Notes that a client has just authenticated. Never waits, never fails.
   *
   * @param secretId the secret that it authenticated with, if it did with one
   */
  used(clientId: string, secretId: string | null): void {
    const key = secretId ?? `client ${clientId}`;
    const use = this.uses.get(key);
    if (use !== undefined) use.at = this.clock.now();
    else if (this.uses.size < maxEntries) {
      this.uses.set(key, { clientId, secretId, at: this.clock.now(), written: 0, writtenAt: -Infinity });
    }
  }

  /**
   * Writes the uses that are due. A fault is logged and tried again with the next flush.
   *
   * @param everyMs how long ago the last write for the same secret must be
   */
  async flush(everyMs = writeEveryMs): Promise<void> {
    while (this.flushing !== undefined) await this.flushing;
    this.flushing = this.write(everyMs).finally(() => {
      this.flushing = undefined;
    });
    await this.flushing;
  }

  private async write(everyMs: number): Promise<void> {
    const now = this.clock.now();
    const due = [...this.uses.values()].filter((use) => use.at > use.written && now - use.writtenAt >= everyMs);
    this.forgetIdle(now);
    if (due.length === 0) return;
    const values = [
      due.map(({ clientId }) => clientId),
      due.map(({ secretId }) => secretId),
      due.map(({ at }) => Math.trunc(at)),
    ];
    const written = new Map(due.map((use) => [use, use.at]));
    try {
      const rows = await this.postgres.query<{ client_id: string }>({ name: 'client_usage', text: writeUses, values });
      const done = new Set(rows.map((row) => row.client_id));
      for (const [use, at] of written) {
        if (done.has(use.clientId)) Object.assign(use, { written: at, writtenAt: now });
      }
    } catch (error) {
      if (!isDatabaseUnavailable(error)) this.logger.error(error);
    }
  }

  /** Keeps the map small: what was not used for a while starts anew, and a client that is gone is not tried for ever. */
  private forgetIdle(now: number): void {
    for (const [key, use] of this.uses) {
      if (now - use.at > writeEveryMs && now - use.writtenAt > writeEveryMs) this.uses.delete(key);
    }
  }
}
