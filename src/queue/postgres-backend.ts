import {
  createPostgresBackend,
  type PostgresConnectionOptions,
  type PostgresQueueBackend,
  runMigrations,
  withBackend,
} from 'bullmq';
import { BullMqBackend, type Connected } from './bullmq-backend.js';
import { endFutureLocks } from './future-locks.js';
import { PostgresPool, queueSchema } from './postgres-pool.js';
import type { QueueBackendKind } from './queue-backend.js';
import { QueueUnavailable } from './queue-unavailable.js';

/** Connections that the producers of a process share. */
const producerConnections = 3;

/**
 * The queues in the server's own database, PostgreSQL 14 or later. At most 3 connections for the producers and up to 4 per
 * worker, opened when they are needed; only the one on which a worker listens stays open.
 */
export class PostgresBackend extends BullMqBackend<PostgresQueueBackend, PostgresConnectionOptions> {
  readonly kind: QueueBackendKind = 'postgres';
  private readonly producers: PostgresPool;
  private migrated: Promise<void> | undefined;
  private turn: Promise<void> = Promise.resolve();

  /** @param prefix not used: the database keeps servers apart */
  constructor(
    private readonly url: string,
    prefix: string,
  ) {
    super(withBackend(createPostgresBackend), prefix);
    this.producers = new PostgresPool(url, producerConnections, this.faults);
  }

  async ping(): Promise<void> {
    try {
      await this.producers.query('SELECT 1');
    } catch (error) {
      throw new QueueUnavailable(error);
    }
  }

  protected async connect(
    role: 'producer' | 'worker',
    statements: number,
  ): Promise<Connected<PostgresConnectionOptions>> {
    this.migrated ??= this.migrate();
    try {
      await this.migrated;
    } catch (error) {
      this.migrated = undefined;
      throw new QueueUnavailable(error);
    }
    if (role === 'producer') return { connection: this.producers };
    const pool = new PostgresPool(this.url, statements + 1, this.faults);
    return { connection: pool, release: () => pool.end() };
  }

  /**
   * BullMQ reads a schedule and then writes it, without a lock: two processes that make the same one would run its job twice.
   * Within the process the callers take turns, lest those who wait for the lock hold all connections.
   */
  protected alone(work: () => Promise<void>): Promise<void> {
    const done = this.turn.then(() => this.locked(work));
    this.turn = done.catch(() => undefined);
    return done;
  }

  protected watchLocks(queue: string, lockMs: number): () => void {
    return endFutureLocks(this.producers, queue, lockMs);
  }

  protected disconnect(): Promise<void> {
    return this.producers.end();
  }

  private async locked(work: () => Promise<void>): Promise<void> {
    const client = await this.producers.connect();
    let broken = true;
    try {
      await client.query('BEGIN');
      await client.query(`SELECT pg_advisory_xact_lock(hashtext('signet.queue'), hashtext('schedules'))`);
      await work();
      await client.query('COMMIT');
      broken = false;
    } finally {
      // A connection that is thrown away gives up its lock.
      client.release(broken);
    }
  }

  private async migrate(): Promise<void> {
    const client = await this.producers.connect();
    let broken = true;
    try {
      await runMigrations(client, queueSchema);
      broken = false;
    } finally {
      client.release(broken);
    }
  }
}
