import { Gauge } from 'prom-client';
import type { Family } from './family.js';
import type { Counter, Histogram, Labels, SeriesDefinition, SeriesType } from './series.js';

/** One line of the text format: a number under a name and labels. */
export interface Sample {
  /** Where it differs from that of the metric: the `_bucket`, `_sum` and `_count` of a histogram. */
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

type Exposed = Awaited<ReturnType<Gauge['get']>>;

/**
 * Numbers of ours as prom-client exposes its own. Its own are not used to count: they find their labels anew for each value,
 * which costs half a microsecond; and a gauge of its own says 0 where nothing is known.
 */
export class ExposedMetric extends Gauge {
  private readonly exposed: Omit<Exposed, 'values'>;

  /** @param samples the lines of this moment */
  constructor(
    { name, help, labels }: SeriesDefinition,
    type: SeriesType,
    private readonly samples: () => Iterable<Sample>,
  ) {
    super({ name, help, labelNames: labels, registers: [] });
    // prom-client declares an enumeration here, but writes and reads the words.
    this.exposed = { name, help, type } as unknown as Omit<Exposed, 'values'>;
  }

  override get(): Promise<Exposed> {
    return Promise.resolve({ ...this.exposed, values: [...this.samples()] });
  }
}

/** The lines of counters. */
export function* counterSamples(family: Family<Counter>): Generator<Sample> {
  for (const [labels, { value }] of family.entries()) yield { labels, value };
}

/** The lines of histograms: buckets, sum and count of each. */
export function* histogramSamples(family: Family<Histogram>): Generator<Sample> {
  for (const [labels, series] of family.entries()) yield* linesOf(family.definition.name, labels, series);
}

function* linesOf(name: string, labels: Labels, series: Histogram): Generator<Sample> {
  const counts = series.cumulative();
  const value = counts.at(-1) ?? 0;
  for (const [index, le] of series.bounds.entries()) {
    yield { metricName: `${name}_bucket`, labels: { ...labels, le }, value: counts[index] ?? 0 };
  }
  yield { metricName: `${name}_bucket`, labels: { ...labels, le: '+Inf' }, value };
  yield { metricName: `${name}_sum`, labels, value: series.sum };
  yield { metricName: `${name}_count`, labels, value };
}
