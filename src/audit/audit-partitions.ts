import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '../clock/index.js';
import { ensurePartitions, inTransaction, partitionAt, unhurried } from '../database/index.js';
import { ScheduledJobs } from '../queue/index.js';

const table = 'audit_log';
const monthsAhead = 3;

/** SQLSTATE of somebody who is not the owner. */
const insufficientPrivilege = '42501';

/** Partitions that may still be emptied at once: row triggers pass on to partitions, those of a TRUNCATE do not. */
const selectUnguarded = `
  SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
  WHERE i.inhparent = $1::regclass
    AND NOT EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'audit_log_no_truncate')`;

/**
 * Makes the monthly partitions of the audit log ahead of time. None is ever dropped here. Safe at any time, in any number of
 * processes.
 *
 * @throws Error of PostgreSQL when one is missing and the role does not own the log
 */
export async function makeAuditPartitions(dataSource: DataSource, now: Date): Promise<void> {
  await ensurePartitions(dataSource, table, 'month', now, monthsAhead);
  await inTransaction(
    dataSource,
    async (tx) => {
      await tx.query(`SELECT pg_advisory_xact_lock(hashtext('signet.partitions'), hashtext($1))`, [table]);
      for (const { name } of await tx.query<{ name: string }[]>(selectUnguarded, [table])) {
        await tx.query(
          `CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON "${name}" FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only()`,
        );
      }
    },
    unhurried,
  );
}

/** Looks after the partitions of the audit log. */
@Injectable()
export class AuditPartitions implements OnModuleInit {
  private readonly logger = new Logger('audit');

  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(ScheduledJobs) private readonly jobs: ScheduledJobs,
  ) {}

  async onModuleInit(): Promise<void> {
    this.jobs.register({ name: 'audit-partitions', everySeconds: 86_400, run: () => this.tend() });
    await this.tend();
  }

  /**
   * Makes what is missing. Where the log belongs to another role, that is for its owner to do, in time.
   *
   * @throws Error of PostgreSQL when there is no partition for now
   */
  async tend(): Promise<void> {
    const now = new Date(this.clock.now());
    try {
      await makeAuditPartitions(this.dataSource, now);
    } catch (error) {
      const isOwned = error instanceof Error && 'code' in error && error.code === insufficientPrivilege;
      if (!isOwned || !(await this.hasPartition(now))) throw error;
      this.logger.warn(
        'partitions of the audit log are missing: its owner has to run `npm run migrate` (docs/audit.md)',
      );
    }
  }

  private async hasPartition(now: Date): Promise<boolean> {
    const [row] = (await this.dataSource.query(`SELECT to_regclass($1) IS NOT NULL AS found`, [
      partitionAt(table, 'month', now).name,
    ])) as [{ found: boolean }];
    return row.found;
  }
}
