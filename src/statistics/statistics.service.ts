import { Inject, Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { Clock } from '../clock/index.js';
import { asDatabaseError } from '../database/index.js';
import type { Query } from '../http/index.js';
import { type HoardingClient, HoardingRepository } from './hoarding.repository.js';
import { bucketsOf, readStatisticsQuery, type StatisticsRange } from './statistics-query.js';
import { type LimitedCount, StatisticsRepository } from './statistics.repository.js';
import { TopClientsRepository } from './top-clients.repository.js';

const topClients = 10;

/** The answer of `GET /admin/oauth/statistics`. */
export interface StatisticsAnswer {
  /** As they are now, whatever the range. */
  readonly clients: { readonly total: number; readonly active: number; readonly disabled: number };
  /** Issued in the range, and what has become of those: `issued` is the sum of the others. */
  readonly tokens: {
    readonly issued: number;
    readonly active: number;
    readonly revoked: number;
    readonly expired: number;
  };
  /** Requests at the token endpoint in the range. */
  readonly requests: {
    readonly succeeded: number;
    readonly failed: number;
    readonly by_error: Readonly<Record<string, number>>;
  };
  /** At most ten, most tokens first. */
  readonly top_clients: readonly { readonly client_id: string; readonly issued: number }[];
  /** Those of the top clients that hold many live tokens, most first: they ask for new ones before the old ones are used up. */
  readonly hoarding: readonly HoardingClient[];
  /** At most ten, most requests beyond a quota first. */
  readonly limited: readonly LimitedCount[];
  /** Every bucket of the range, oldest first. */
  readonly series: readonly { readonly at: string; readonly issued: number; readonly failed: number }[];
}

/** The use case that tells how much was issued and refused, from counters alone: the number of tokens does not matter. */
@Injectable()
export class Statistics {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(StatisticsRepository) private readonly repository: StatisticsRepository,
    @Inject(TopClientsRepository) private readonly top: TopClientsRepository,
    @Inject(HoardingRepository) private readonly hoarding: HoardingRepository,
    @Inject(Clock) private readonly clock: Clock,
  ) {}

  /**
   * What `from`, `to` and `bucket` ask for, all of one moment.
   *
   * @throws Problem 400 that names each bad parameter
   * @throws DatabaseUnavailable
   */
  async read(query: Query): Promise<StatisticsAnswer> {
    const range = readStatisticsQuery(query, this.clock.now());
    try {
      return await this.dataSource.transaction('REPEATABLE READ', (tx) => this.answer(tx, range));
    } catch (error) {
      throw asDatabaseError(error);
    }
  }

  private async answer(tx: EntityManager, range: StatisticsRange): Promise<StatisticsAnswer> {
    await tx.query('SET TRANSACTION READ ONLY');
    const hours = { from: new Date(range.from), to: new Date(range.to) };
    const { active, disabled } = await this.repository.clients(tx);
    const tokens = await this.repository.tokens(tx, hours);
    const errors = await this.repository.errors(tx, hours);
    const coalesced = await this.repository.coalesced(tx, hours);
    const top = await this.top.read(tx, hours, topClients);
    const counted = new Map(
      (await this.repository.series(tx, hours, range.bucket)).map((bucket) => [bucket.at, bucket]),
    );
    return {
      clients: { total: active + disabled, active, disabled },
      tokens,
      requests: {
        succeeded: tokens.issued + coalesced,
        failed: Object.values(errors).reduce((sum, refused) => sum + refused, 0),
        by_error: errors,
      },
      top_clients: top,
      hoarding: await this.hoarding.among(tx, top, topClients),
      limited: await this.repository.limited(tx, hours, topClients),
      series: bucketsOf(range).map((at) => {
        const { issued = 0, failed = 0 } = counted.get(at) ?? {};
        return { at: new Date(at).toISOString(), issued, failed };
      }),
    };
  }
}
