import { Inject, Injectable } from '@nestjs/common';
import { Postgres } from '../database/index.js';
import { TokensOfDay } from '../limits/index.js';

/** Reads what the limits ask from the counters of days; what was issued in the last seconds may be missing. */
@Injectable()
export class CountedTokensOfDay extends TokensOfDay {
  constructor(@Inject(Postgres) private readonly postgres: Postgres) {
    super();
  }

  async issuedOn(day: number, clientIds: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const rows = await this.postgres.query<{ client_id: string; issued: number }>({
      name: 'tokens_of_day',
      text: `SELECT client_id, issued::float8 AS issued FROM client_token_days
             WHERE day = to_timestamp($1::float8 / 1000) AND client_id = ANY ($2::text[])`,
      values: [day, clientIds],
    });
    return new Map(rows.map(({ client_id, issued }) => [client_id, issued]));
  }
}
