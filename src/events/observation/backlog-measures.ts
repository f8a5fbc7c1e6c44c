import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { Postgres } from '../../database/index.js';
import { Measurements, type Reading } from '../../measurements/index.js';
import { lanes } from '../records/index.js';

const open = 'signet_deliveries_open';
const oldestDue = 'signet_deliveries_oldest_due_seconds';
const deadLetters = 'signet_dead_letters';

/** Most rows that are counted for each number; a longer queue than this is one at any length. */
const countedAtMost = 10_000;

/** Each subquery reads an index, and no more of it than is counted. */
const selectByLane = `
  SELECT lane.name AS lane,
    (SELECT count(*) FROM (
      SELECT 1 FROM subscriptions s
      CROSS JOIN LATERAL (
        SELECT 1 FROM deliveries d
        WHERE d.subscription_id = s.id AND d.lane = lane.name AND d.status IN ('pending', 'retrying') LIMIT $2::int8) AS d
      WHERE s.deleted_at IS NULL LIMIT $2::int8) AS counted)::int4 AS open,
    (SELECT extract(epoch FROM statement_timestamp() - min(d.due_at)) FROM subscriptions s
      LEFT JOIN subscription_health h ON h.subscription_id = s.id
      CROSS JOIN LATERAL (
        SELECT due_at FROM deliveries d
        WHERE d.subscription_id = s.id AND d.lane = lane.name AND d.status IN ('pending', 'retrying')
          AND d.due_at <= statement_timestamp()
        ORDER BY d.due_at LIMIT 1) AS d
      WHERE s.deleted_at IS NULL AND s.delivery = 'push' AND s.status = 'active'
        AND coalesce(h.breaker, 'closed') = 'closed')::float8 AS oldest_due
  FROM unnest($1::text[]) AS lane (name)`;

const selectDeadLetters = `
  SELECT count(*)::int4 AS waiting FROM (SELECT 1 FROM dead_letters WHERE replayed_at IS NULL LIMIT $1::int8) AS counted`;

interface LaneRow {
  readonly lane: string;
  readonly open: number;
  readonly oldest_due: number | null;
}

/** Shows what waits to be delivered, and what was given up. */
@Injectable()
export class BacklogMeasures implements OnModuleInit {
  constructor(
    @Inject(Postgres) private readonly postgres: Postgres,
    @Inject(Measurements) private readonly measurements: Measurements,
  ) {}

  onModuleInit(): void {
    this.measurements.read({
      name: 'delivery_backlog',
      series: [
        {
          name: oldestDue,
          help: 'For how long the delivery that has waited longest for its worker could have been sent; 0 when none waits.',
          labels: ['lane'],
        },
        {
          name: open,
          help: `Deliveries that are neither made nor dead, counted up to ${countedAtMost}.`,
          labels: ['lane'],
        },
        {
          name: deadLetters,
          help: `Dead letters that wait to be replayed or deleted, counted up to ${countedAtMost}.`,
          labels: [],
        },
      ],
      freshMs: 5_000,
      read: async () => [...(await this.readByLane()), await this.readDeadLetters()],
    });
  }

  private async readByLane(): Promise<Reading[]> {
    const values = [lanes, countedAtMost];
    const rows = await this.postgres.query<LaneRow & Record<string, unknown>>({
      name: 'backlog_measures',
      text: selectByLane,
      values,
    });
    return rows.flatMap(({ lane, open: count, oldest_due: seconds }) => [
      { name: open, labels: { lane }, value: count },
      { name: oldestDue, labels: { lane }, value: Math.max(0, seconds ?? 0) },
    ]);
  }

  private async readDeadLetters(): Promise<Reading> {
    const values = [countedAtMost];
    const [row] = await this.postgres.query<{ waiting: number }>({
      name: 'dead_letter_measures',
      text: selectDeadLetters,
      values,
    });
    if (row === undefined) throw new Error('the dead letters were not counted');
    return { name: deadLetters, value: row.waiting };
  }
}
