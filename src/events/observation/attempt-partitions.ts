import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '../../clock/index.js';
import { dropPartitionsBefore, ensurePartitions } from '../../database/index.js';
import { ScheduledJobs } from '../../queue/index.js';
import { keptDays } from './event-retention.js';

const table = 'delivery_attempts';

/** Partitions that exist ahead of today, should the job not run. */
const daysAhead = 7;

const dayMs = 86_400_000;

/** Keeps the attempts cut by day: partitions are made ahead of time, and dropped when their attempts are old. */
@Injectable()
export class AttemptPartitions implements OnModuleInit {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(ScheduledJobs) private readonly jobs: ScheduledJobs,
  ) {}

  async onModuleInit(): Promise<void> {
    this.jobs.register({ name: 'attempt-partitions', everySeconds: 3_600, run: () => this.tend() });
    await this.tend();
  }

  /** Does both; safe at any time, in any number of processes. */
  async tend(): Promise<void> {
    const now = this.clock.now();
    await ensurePartitions(this.dataSource, table, 'day', new Date(now), daysAhead);
    await dropPartitionsBefore(this.dataSource, table, 'day', new Date(now - keptDays.finished * dayMs));
  }
}
