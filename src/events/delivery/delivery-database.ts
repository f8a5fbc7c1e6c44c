import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import type { QueryResultRow } from 'pg';
import { inTransaction, Postgres, type PreparedStatement } from '../../database/index.js';
import { Gate } from './gate.js';

/** Transactions at once. */
const transactions = 3;

/**
 * The database as deliveries use it: half of the connections for quick statements at most, and few of the others. However many
 * lanes are at work, a token that is asked for meanwhile does not wait for all of them.
 */
@Injectable()
export class DeliveryDatabase {
  private readonly statements: Gate;
  private readonly transactions = new Gate(transactions);

  constructor(
    @Inject(Postgres) private readonly postgres: Postgres,
    @Inject(DataSource) private readonly dataSource: DataSource,
  ) {
    this.statements = new Gate(Math.max(1, Math.floor(postgres.connections.max / 2)));
  }

  /** As `Postgres.query`. */
  query<Row extends QueryResultRow>(statement: PreparedStatement): Promise<Row[]> {
    return this.statements.pass(() => this.postgres.query<Row>(statement));
  }

  /** As `inTransaction`. */
  transaction<T>(work: (tx: EntityManager) => Promise<T>): Promise<T> {
    return this.transactions.pass(() => inTransaction(this.dataSource, work));
  }
}
