import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { type Counter, type Family, Measurements } from '../measurements/index.js';
import { ScheduledJobs } from './scheduled-jobs.js';

const depth = 'signet_scheduled_jobs';
const states = ['waiting', 'active', 'delayed', 'failed'] as const;

/** Counts the runs of scheduled jobs, by the name that the program gives a job. */
export function jobRuns(measurements: Measurements): Family<Counter> {
  return measurements.counters({
    name: 'signet_scheduled_job_runs_total',
    help: 'Runs of scheduled jobs in this process that ended.',
    labels: ['name', 'outcome'],
  });
}

/** Shows the queue of the scheduled jobs. */
@Injectable()
export class JobMeasures implements OnModuleInit {
  constructor(
    @Inject(ScheduledJobs) private readonly jobs: ScheduledJobs,
    @Inject(Measurements) private readonly measurements: Measurements,
  ) {}

  onModuleInit(): void {
    this.measurements.read({
      name: 'scheduled_jobs',
      series: [{ name: depth, help: 'Scheduled jobs in the queue.', labels: ['state'] }],
      freshMs: 5_000,
      read: async () => {
        const counts = await this.jobs.counts();
        return counts === undefined
          ? []
          : states.map((state) => ({ name: depth, labels: { state }, value: counts[state] }));
      },
    });
  }
}
