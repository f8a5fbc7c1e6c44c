import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '../clock/index.js';
import { ensurePartitions } from '../database/index.js';
import { ScheduledJobs } from '../queue/index.js';

const monthsAhead = 3;

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
    await ensurePartitions(this.dataSource, 'audit_log', 'month', new Date(this.clock.now()), monthsAhead);
  }
}
