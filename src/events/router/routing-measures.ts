import { Inject, Injectable } from '@nestjs/common';
import { type Counter, type Family, type Histogram, Measurements } from '../../measurements/index.js';
import type { Lane } from '../records/index.js';

const sizes = [1, 2, 4, 8, 16, 32, 64, 128, 200];
const seconds = [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2.5, 5];

/** What a batch came to. */
export interface RoutedBatch {
  readonly events: number;
  /** New deliveries by the lane that sends them. */
  readonly deliveries: ReadonlyMap<Lane, number>;
}

/** What this process counts while it routes. */
@Injectable()
export class RoutingMeasures {
  private readonly events: Counter;
  private readonly deliveries: Family<Counter>;
  private readonly sizes: Histogram;
  private readonly durations: Histogram;

  constructor(@Inject(Measurements) measurements: Measurements) {
    this.events = measurements
      .counters({ name: 'signet_events_routed_total', help: 'Events whose deliveries were made.', labels: [] })
      .of();
    this.deliveries = measurements.counters({
      name: 'signet_deliveries_made_total',
      help: 'Deliveries that were made: one for each event and subscription that it matches.',
      labels: ['lane'],
    });
    this.sizes = measurements
      .histograms({
        name: 'signet_routing_batch_size',
        help: 'Events that were routed in one transaction.',
        labels: [],
        bounds: sizes,
      })
      .of();
    this.durations = measurements
      .histograms({
        name: 'signet_routing_duration_seconds',
        help: 'Time to route a batch, its commit included.',
        labels: [],
        bounds: seconds,
      })
      .of();
  }

  /** @param tookMs milliseconds */
  routed({ events, deliveries }: RoutedBatch, tookMs: number): void {
    this.events.add(events);
    this.sizes.observe(events);
    this.durations.observe(tookMs / 1_000);
    for (const [lane, count] of deliveries) this.deliveries.of(lane).add(count);
  }
}
