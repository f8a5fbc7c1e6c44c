import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { Postgres } from '../database/index.js';
import { Measurements, type Reading } from '../measurements/index.js';

const unrouted = 'signet_outbox_unrouted_events';
const oldest = 'signet_outbox_oldest_unrouted_seconds';

/** Most events that are counted; a longer queue than this is one at any length. */
const countedAtMost = 10_000;

/** Both answers come from the index of unrouted events, and read no more of it than they must. */
const selectBacklog = `
  SELECT
    (SELECT count(*) FROM (SELECT 1 FROM events WHERE routed_at IS NULL LIMIT $1::int8) AS counted)::int4 AS unrouted,
    coalesce((SELECT extract(epoch FROM statement_timestamp() - created_at) FROM events WHERE routed_at IS NULL
      ORDER BY created_at, id LIMIT 1), 0)::float8 AS oldest`;

/** Shows what waits in the outbox. */
@Injectable()
export class OutboxMeasures implements OnModuleInit {
  constructor(
    @Inject(Postgres) private readonly postgres: Postgres,
    @Inject(Measurements) private readonly measurements: Measurements,
  ) {}

  onModuleInit(): void {
    this.measurements.read({
      name: 'outbox',
      series: [
        {
          name: unrouted,
          help: `Events that wait to be routed, counted up to ${countedAtMost}.`,
          labels: [],
        },
        {
          name: oldest,
          help: 'Age of the oldest event that waits to be routed; 0 when none waits.',
          labels: [],
        },
      ],
      freshMs: 5_000,
      read: () => this.read(),
    });
  }

  private async read(): Promise<Reading[]> {
    const [row] = await this.postgres.query<{ unrouted: number; oldest: number }>({
      name: 'outbox_measures',
      text: selectBacklog,
      values: [countedAtMost],
    });
    if (row === undefined) throw new Error('the outbox was not counted');
    return [
      { name: unrouted, value: row.unrouted },
      { name: oldest, value: Math.max(0, row.oldest) },
    ];
  }
}
