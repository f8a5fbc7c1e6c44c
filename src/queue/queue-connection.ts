/** Where the queues live. app.module fills it from the configuration and the database that was started. */
export abstract class QueueConnection {
  /** The server's own database; without `redisUrl` the queues live in its schema `bullmq`. Needs session connections (LISTEN). */
  readonly postgresUrl: string;
  /** Set: the queues live in this Redis instead (`redis:` or `rediss:`). */
  readonly redisUrl?: string | undefined;
  /**
   * First part of every Redis key, with a hash tag so that a queue stays on one cluster node. Servers that share a Redis and
   * nothing else need different ones. On PostgreSQL the database itself keeps servers apart.
   */
  readonly prefix: string;
  /** Resolves when this process is to run the scheduled jobs; absent: at once. Those who never do leave them to others. */
  readonly scheduledJobsTurn?: Promise<void> | undefined;
}

/** The prefix of a server that has its Redis for itself. */
export const defaultQueuePrefix = '{signet}';
