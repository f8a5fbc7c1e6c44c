import { EventEmitter } from 'node:events';
import type { PgPool, PgPoolClient, PgQueryResult } from 'bullmq';
import { Pool, type QueryResultRow } from 'pg';
import { isDatabaseUnavailable } from '../database/index.js';
import type { QueueFaults } from './queue-faults.js';

/** The schema of BullMQ's tables; it fixes this name for every pool that it did not make itself. */
export const queueSchema = 'bullmq';

/**
 * BullMQ knows an absent store by this code only. Anything else that is thrown while it fetches jobs it takes for a fault of
 * the job, and asks again at once – a loop without a pause when the database's socket is gone (ENOENT) or it shuts down (57P01).
 */
class DatabaseAway extends Error {
  readonly code = 'ECONNREFUSED';

  constructor(cause: unknown) {
    super('the database is away', { cause });
    this.name = 'DatabaseAway';
  }
}

/**
 * A small pool for BullMQ alone. Its commits do not wait for the disk: a job lost in a crash of the machine is found again,
 * since no job is the only record of anything.
 */
export class PostgresPool extends EventEmitter implements PgPool {
  private readonly pool: Pool;

  constructor(
    connectionString: string,
    max: number,
    private readonly faults: QueueFaults,
  ) {
    super();
    // Each queue on the pool listens for its errors.
    this.setMaxListeners(0);
    this.pool = new Pool({
      connectionString,
      max,
      connectionTimeoutMillis: 3_000,
      keepAlive: true,
      application_name: 'signet-queue',
      options: `-c search_path=${queueSchema} -c synchronous_commit=off -c statement_timeout=30000 -c idle_in_transaction_session_timeout=30000`,
    });
    this.pool.on('error', (error) => this.faults.report('postgres', error));
    // A client that is lent out has no listener of the pool's; without one, losing the database would end the process.
    this.pool.on('connect', (client) => client.on('error', (error) => this.faults.report('postgres', error)));
  }

  async connect(): Promise<PgPoolClient> {
    try {
      return await this.pool.connect();
    } catch (error) {
      throw this.translate(error);
    }
  }

  async query<Row>(text: string, params: readonly unknown[] = []): Promise<PgQueryResult<Row>> {
    try {
      const { rows, rowCount } = await this.pool.query<QueryResultRow>(text, [...params]);
      return { rows: rows as Row[], rowCount };
    } catch (error) {
      throw this.translate(error);
    }
  }

  async end(): Promise<void> {
    if (!this.pool.ended && !this.pool.ending) await this.pool.end();
  }

  private translate(error: unknown): unknown {
    if (!isDatabaseUnavailable(error)) return error;
    this.faults.report('postgres', error);
    return new DatabaseAway(error);
  }
}
