import { Pool, type QueryResultRow } from 'pg';
import { answerWithinMs } from './answer-time.js';
import { type ConnectionCounts, connectionsOf } from './connection-counts.js';
import { asDatabaseError } from './database-unavailable.js';

/**
 * Every statement here looks up rows by key, and its plan is made once, before it is known for how many. Left to itself the
 * planner then prefers to read and hash a whole table of clients, for each batch anew.
 */
const sessionSettings = [
  'plan_cache_mode=force_generic_plan',
  'enable_seqscan=off',
  'enable_hashjoin=off',
  'enable_mergejoin=off',
  'jit=off',
  `statement_timeout=${answerWithinMs}`,
  'idle_in_transaction_session_timeout=5000',
];

/** A statement that the server prepares once per connection. `values` are passed as pg passes them. */
export interface PreparedStatement {
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/**
 * A small pool of plain `pg` connections for the hot paths, beside TypeORM's own: prepared statements, short time-outs, and
 * no entity in between.
 */
export class Postgres {
  private readonly pool: Pool;

  constructor(connectionString: string, options: { max: number; onError: (error: Error) => void }) {
    this.pool = new Pool({
      connectionString,
      max: options.max,
      connectionTimeoutMillis: 3_000,
      query_timeout: answerWithinMs,
      keepAlive: true,
      application_name: 'signet-hot',
      options: sessionSettings.map((setting) => `-c ${setting}`).join(' '),
    });
    this.pool.on('error', options.onError);
    // A client that is lent out has no listener of the pool's; without one, losing the database would end the process.
    this.pool.on('connect', (client) => client.on('error', options.onError));
  }

  /**
   * Runs one statement in a transaction of its own; the promise settles after the commit.
   *
   * @throws DatabaseUnavailable when the database is away
   */
  async query<Row extends QueryResultRow>(statement: PreparedStatement): Promise<Row[]> {
    try {
      const result = await this.pool.query<Row>({ ...statement, values: [...statement.values] });
      return result.rows;
    } catch (error) {
      throw asDatabaseError(error);
    }
  }

  /** The connections: how many there are and may be, and how many statements wait for one. */
  get connections(): ConnectionCounts {
    return connectionsOf(this.pool);
  }

  /** Closes every connection after the statements in flight. */
  async close(): Promise<void> {
    await this.pool.end();
  }
}
