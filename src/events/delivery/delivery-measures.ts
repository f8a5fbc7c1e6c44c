import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { Postgres } from '../../database/index.js';
import { type Counter, type Family, type Histogram, Measurements } from '../../measurements/index.js';
import { type Lane, lanes } from '../records/index.js';
import type { AttemptResult } from './attempt.js';

const seconds = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];
const latencies = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300];

const activeLanes = 'signet_delivery_lanes_active';
const openBreakers = 'signet_delivery_breakers_open';

const countOpen = {
  name: 'open_breakers',
  text: `SELECT count(*)::int4 AS open FROM subscription_health h JOIN subscriptions s ON s.id = h.subscription_id
    WHERE h.breaker = 'open' AND s.deleted_at IS NULL`,
  values: [],
} as const;

/** What this process counts while it delivers. */
@Injectable()
export class DeliveryMeasures implements OnModuleInit {
  private readonly attempts: Family<Counter>;
  private readonly durations: Family<Histogram>;
  private readonly latencies: Family<Histogram>;
  private readonly active = new Map<Lane, number>(lanes.map((lane) => [lane, 0]));

  constructor(
    @Inject(Measurements) private readonly measurements: Measurements,
    @Inject(Postgres) private readonly postgres: Postgres,
  ) {
    this.attempts = measurements.counters({
      name: 'signet_delivery_attempts_total',
      help: 'Attempts to deliver an event, by what came of them.',
      labels: ['lane', 'outcome'],
    });
    this.durations = measurements.histograms({
      name: 'signet_delivery_attempt_duration_seconds',
      help: 'Time from the beginning of an attempt to its response, or to giving it up.',
      labels: ['lane'],
      bounds: seconds,
    });
    this.latencies = measurements.histograms({
      name: 'signet_delivery_latency_seconds',
      help: 'Time from the commit of an event to its first attempt at a subscription.',
      labels: ['lane'],
      bounds: latencies,
    });
  }

  onModuleInit(): void {
    this.measurements.read({
      name: 'delivery_lanes',
      series: [
        {
          name: activeLanes,
          help: 'Lanes of subscriptions that this process works on, without those that only wait for a hanging endpoint.',
          labels: ['lane'],
        },
      ],
      read: () => [...this.active].map(([lane, value]) => ({ name: activeLanes, labels: { lane }, value })),
    });
    this.measurements.read({
      name: 'delivery_breakers',
      series: [{ name: openBreakers, help: 'Subscriptions whose breaker is open.', labels: [] }],
      freshMs: 5_000,
      read: async () => {
        const [row] = await this.postgres.query<{ open: number }>(countOpen);
        return [{ name: openBreakers, value: row?.open ?? 0 }];
      },
    });
  }

  /** A lane has begun; to be told with -1 when it ends. */
  lane(lane: Lane, change: 1 | -1): void {
    this.active.set(lane, (this.active.get(lane) ?? 0) + change);
  }

  /** @param latencyMs from the commit of the event, at its first attempt */
  attempted(lane: Lane, result: AttemptResult, latencyMs: number | undefined): void {
    this.attempts.of(lane, outcomeOf(result)).add();
    this.durations.of(lane).observe(result.durationMs / 1_000);
    if (latencyMs !== undefined) this.latencies.of(lane).observe(latencyMs / 1_000);
  }
}

/** Few words: of a status its class alone. */
function outcomeOf({ succeeded, statusCode, error }: AttemptResult): string {
  if (succeeded) return 'succeeded';
  return statusCode === null ? (error ?? 'unknown') : `http_${Math.floor(statusCode / 100)}xx`;
}
