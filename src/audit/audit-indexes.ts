import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { ScheduledJobs } from '../queue/index.js';

/** Indexes that the log declares and one of its partitions lacks, or has in vain: partitions of a time before the index. */
const selectMissing = `
  SELECT i.indexrelid::regclass::text AS index, c.relname AS partition, pg_get_indexdef(i.indexrelid) AS definition
  FROM pg_index i
  JOIN pg_inherits p ON p.inhparent = i.indrelid
  JOIN pg_class c ON c.oid = p.inhrelid
  WHERE i.indrelid = 'audit_log'::regclass
    AND NOT EXISTS (
      SELECT FROM pg_index child JOIN pg_inherits h ON h.inhrelid = child.indexrelid
      WHERE child.indrelid = c.oid AND h.inhparent = i.indexrelid)
  ORDER BY c.relname DESC, 1`;

interface MissingIndex {
  readonly index: string;
  readonly partition: string;
  readonly definition: string;
}

/**
 * Builds the indexes of older partitions of the audit log without keeping anybody from writing, and attaches them. Until then
 * the log is read without them, only more slowly.
 */
@Injectable()
export class AuditIndexes implements OnModuleInit {
  private readonly logger = new Logger('audit');

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(ScheduledJobs) private readonly jobs: ScheduledJobs,
  ) {}

  onModuleInit(): void {
    this.jobs.register({ name: 'audit-indexes', everySeconds: 3_600, run: (signal) => this.build(signal) });
  }

  /** Builds what is missing; where another process is at it, that is left to it. */
  async build(signal?: AbortSignal): Promise<void> {
    const session = this.dataSource.createQueryRunner();
    await session.connect();
    try {
      const [lock] = (await session.query(
        `SELECT pg_try_advisory_lock(hashtext('signet.audit'), hashtext('indexes')) AS mine`,
      )) as [{ mine: boolean }];
      if (!lock.mine) return;
      await session.query('SET statement_timeout = 0');
      await session.query('SET lock_timeout = 0');
      const missing = (await session.query(selectMissing)) as MissingIndex[];
      for (const one of missing) {
        if (signal?.aborted === true) return;
        await this.buildOne((statement) => session.query(statement), one);
      }
    } finally {
      await session.query(`SELECT pg_advisory_unlock_all()`).catch(() => undefined);
      await session.query('RESET statement_timeout').catch(() => undefined);
      await session.query('RESET lock_timeout').catch(() => undefined);
      await session.release();
    }
  }

  private async buildOne(
    query: (statement: string) => Promise<unknown>,
    { index, partition, definition }: MissingIndex,
  ): Promise<void> {
    const name = `${partition}_${index.replace('audit_log_', '')}`;
    const on = definition.slice(definition.indexOf(' USING '));
    // One that was begun and not finished is of no use.
    await query(`DROP INDEX CONCURRENTLY IF EXISTS "${name}"`);
    await query(`CREATE INDEX CONCURRENTLY "${name}" ON "${partition}"${on}`);
    await query(`ALTER INDEX ${index} ATTACH PARTITION "${name}"`);
    this.logger.log(`built the index ${name}`);
  }
}
