export {
  type Job,
  type JobCounts,
  type JobIds,
  type JobOptions,
  type JobProcessor,
  type JobQueue,
  type JobWorker,
  QueueBackend,
  type QueueBackendKind,
  type Schedule,
  type WorkerOptions,
} from './queue-backend.js';
export { defaultQueuePrefix, QueueConnection } from './queue-connection.js';
export { createQueueBackend, QueueModule } from './queue.module.js';
export { QueueUnavailable } from './queue-unavailable.js';
export { type ScheduledJob, ScheduledJobs, type ScheduledJobsTiming } from './scheduled-jobs.js';
