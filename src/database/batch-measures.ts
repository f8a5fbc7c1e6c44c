import { Inject, Injectable } from '@nestjs/common';
import { type Counter, type Family, type Histogram, Measurements } from '../measurements/index.js';

/** What is measured of one group commit, by batch: its items cost nothing. */
export interface BatchMeasures {
  /** @param waitedMs how long the first item of the batch waited for its turn */
  began(size: number, waitedMs: number): void;
  ended(tookMs: number): void;
  /** An item was turned away because too many were waiting. */
  refused(): void;
}

const sizes = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const seconds = [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2.5, 5];

/** What the group commits of a server are measured by. */
@Injectable()
export class Batches {
  private readonly sizes: Family<Histogram>;
  private readonly waits: Family<Histogram>;
  private readonly durations: Family<Histogram>;
  private readonly refusals: Family<Counter>;

  constructor(@Inject(Measurements) measurements: Measurements) {
    const labels = ['batch'];
    this.sizes = measurements.histograms({
      name: 'signet_batch_size',
      help: 'Items that went to the database together.',
      labels,
      bounds: sizes,
    });
    this.waits = measurements.histograms({
      name: 'signet_batch_wait_seconds',
      help: 'Time that the first item of a batch waited before the batch went out.',
      labels,
      bounds: seconds,
    });
    this.durations = measurements.histograms({
      name: 'signet_batch_duration_seconds',
      help: 'Time that the database took for a batch.',
      labels,
      bounds: seconds,
    });
    this.refusals = measurements.counters({
      name: 'signet_batch_refused_total',
      help: 'Items that were turned away because too many were waiting already.',
      labels,
    });
  }

  /** @param batch what is gathered, in a word of the program */
  of(batch: string): BatchMeasures {
    const [size, wait, duration] = [this.sizes.of(batch), this.waits.of(batch), this.durations.of(batch)];
    const refusals = this.refusals.of(batch);
    return {
      began: (items, waitedMs) => {
        size.observe(items);
        wait.observe(waitedMs / 1_000);
      },
      ended: (tookMs) => duration.observe(tookMs / 1_000),
      refused: () => refusals.add(),
    };
  }
}
