import { EventEmitter } from 'node:events';
import type { PgPool, PgPoolClient, PgQueryResult } from 'bullmq';
import { Pool, type PoolClient, type QueryResultRow } from 'pg';
import { isDatabaseUnavailable } from '../database/index.js';
import type { QueueFaults } from './queue-faults.js';

/** The schema of BullMQ's tables; it fixes this name for every pool that it did not make itself. */
export const queueSchema = 'bullmq';

/**
 * How long a statement may stay unanswered, in milliseconds. The database gives it up itself before that; later than that nobody
 * is there, and where a network dropped the connection without a word, nothing else would ever say so.
 */
const answerWithinMs = 10_000;
const statementTimeoutMs = 9_000;

/** What pg says then; the pool destroys a connection with an error. */
const silence = 'Query read timeout';

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
  private readonly clients = new Set<PoolClient>();

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
      query_timeout: answerWithinMs,
      keepAlive: true,
      application_name: 'signet-queue',
      options: `-c search_path=${queueSchema} -c synchronous_commit=off -c statement_timeout=${statementTimeoutMs} -c idle_in_transaction_session_timeout=30000`,
    });
    this.pool.on('error', (error) => this.faults.report('postgres', error));
    // A client that is lent out has no listener of the pool's; without one, losing the database would end the process.
    this.pool.on('connect', (client) => {
      client.on('error', (error) => this.faults.report('postgres', error));
      this.clients.add(client);
    });
    this.pool.on('remove', (client) => this.clients.delete(client));
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
    if (error instanceof Error && error.message === silence) this.loseAll(error);
    return new DatabaseAway(error);
  }

  /**
   * What one connection has lost in silence, the others have lost, too. The idle ones need not be tried one after the other, and
   * the one on which a worker listens asks nothing and would not find out: BullMQ makes it anew after an error.
   */
  private loseAll(error: Error): void {
    const clients = [...this.clients];
    this.clients.clear();
    for (const client of clients) client.emit('error', error);
  }
}
