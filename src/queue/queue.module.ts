import { type DynamicModule, Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { Measurements } from '../measurements/index.js';
import { JobMeasures, jobRuns } from './job-measures.js';
import { PostgresBackend } from './postgres-backend.js';
import { QueueBackend } from './queue-backend.js';
import type { QueueConnection } from './queue-connection.js';
import { RedisBackend } from './redis-backend.js';
import { ScheduledJobs } from './scheduled-jobs.js';

const closingMs = 2_000;

/** The backend that `connection` asks for: Redis when there is a URL for it, else PostgreSQL. Connects when it is first used. */
export function createQueueBackend({ redisUrl, postgresUrl, prefix }: QueueConnection): QueueBackend {
  return redisUrl === undefined ? new PostgresBackend(postgresUrl, prefix) : new RedisBackend(redisUrl, prefix);
}

/** Makes the queues and the scheduled jobs available everywhere, and closes them after the requests in flight. */
@Global()
@Module({})
export class QueueModule implements OnApplicationShutdown {
  constructor(@Inject(QueueBackend) private readonly backend: QueueBackend) {}

  static forRoot(connection: QueueConnection): DynamicModule {
    return {
      module: QueueModule,
      providers: [
        { provide: QueueBackend, useFactory: () => createQueueBackend(connection) },
        {
          provide: ScheduledJobs,
          useFactory: (backend: QueueBackend, measurements: Measurements) => {
            const runs = jobRuns(measurements);
            return new ScheduledJobs(backend, undefined, connection.scheduledJobsTurn, (job, outcome) =>
              runs.of(job, outcome).add(),
            );
          },
          inject: [QueueBackend, Measurements],
        },
        JobMeasures,
      ],
      exports: [QueueBackend, ScheduledJobs],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.backend.close(closingMs);
  }
}
