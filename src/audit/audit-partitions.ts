import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '../clock/index.js';
import { ensurePartitions, inTransaction, unhurried } from '../database/index.js';
import { ScheduledJobs } from '../queue/index.js';

const table = 'audit_log';
const monthsAhead = 3;

/** Partitions that may still be emptied at once: row triggers pass on to partitions, those of a TRUNCATE do not. */
const selectUnguarded = `
  SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
  WHERE i.inhparent = $1::regclass
    AND NOT EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'audit_log_no_truncate')`;

/** Makes the monthly partitions of the audit log ahead of time. None is ever dropped here. */
@Injectable()
export class AuditPartitions implements OnModuleInit {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(ScheduledJobs) private readonly jobs: ScheduledJobs,
  ) {}

  async onModuleInit(): Promise<void> {
    this.jobs.register({ name: 'audit-partitions', everySeconds: 86_400, run: () => this.tend() });
    await this.tend();
  }

  /** Safe at any time, in any number of processes. */
  async tend(): Promise<void> {
    await ensurePartitions(this.dataSource, table, 'month', new Date(this.clock.now()), monthsAhead);
    await inTransaction(
      this.dataSource,
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
}
