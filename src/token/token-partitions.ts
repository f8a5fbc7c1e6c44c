import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Clock } from '../clock/index.js';
import { dropPartitionsBefore, ensurePartitions } from '../database/index.js';
import { ScheduledJobs } from '../queue/index.js';

const table = 'access_tokens';

/** Partitions that exist ahead of today: a token lives at most one day, the rest is reserve should the job not run. */
const daysAhead = 7;

/** Days that the record of an expired token is kept, for those who ask what happened. */
const daysKept = 7;

const dayMs = 86_400_000;

/** Keeps the token table cut by day: partitions ahead of time are made, those of tokens long expired are dropped. */
@Injectable()
export class TokenPartitions implements OnModuleInit {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(ScheduledJobs) private readonly jobs: ScheduledJobs,
  ) {}

  async onModuleInit(): Promise<void> {
    this.jobs.register({ name: 'token-partitions', everySeconds: 3_600, run: () => this.tend() });
    await this.tend();
  }

  /** Does both; safe at any time, in any number of processes. */
  async tend(): Promise<void> {
    const now = this.clock.now();
    await ensurePartitions(this.dataSource, table, 'day', new Date(now), daysAhead);
    await dropPartitionsBefore(this.dataSource, table, 'day', new Date(now - daysKept * dayMs));
  }
}
