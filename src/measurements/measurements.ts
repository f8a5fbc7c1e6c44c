import { Registry } from 'prom-client';
import { counterSamples, ExposedMetric, histogramSamples, type Sample } from './exposed-metric.js';
import { Family } from './family.js';
import { Counter, Histogram, type SeriesDefinition, type SeriesType } from './series.js';
import { type SampledDefinition, SampledSource, type Source, type SourceFault } from './source.js';

/** What is sent to Prometheus. */
export interface Exposition {
  readonly contentType: string;
  /** The text format, version 0.0.4. */
  readonly text: string;
}

/** `bounds`: the inclusive upper bounds of the buckets, ascending. */
export type HistogramDefinition = SeriesDefinition & { readonly bounds: readonly number[] };

type Defined = SeriesDefinition & { readonly type: SeriesType };

const sourceUp: SampledDefinition = {
  name: 'signet_source_up',
  help: 'Whether the numbers of a source could be read at this scrape. Where they could not, its series are missing.',
  labels: ['source'],
};

/**
 * The numbers of one server. A module defines its series here and counts; it knows nothing of who reads them. A name that is
 * defined twice is a fault of the program and stops the start.
 */
export class Measurements {
  private readonly registry = new Registry();
  private readonly sources: SampledSource[] = [];
  private readonly samples = new Map<string, Sample[]>();
  private readonly defined: Defined[] = [];

  /** @param onFault is told of sources that cannot be read */
  constructor(private readonly onFault: SourceFault = () => undefined) {
    this.defineSampled(sourceUp);
  }

  /** Defines counters. */
  counters(definition: SeriesDefinition): Family<Counter> {
    const family = new Family(definition, () => new Counter());
    this.define({ ...definition, type: 'counter' }, () => counterSamples(family));
    return family;
  }

  /** Defines histograms. */
  histograms(definition: HistogramDefinition): Family<Histogram> {
    const family = new Family(definition, () => new Histogram(definition.bounds));
    this.define({ ...definition, type: 'histogram' }, () => histogramSamples(family));
    return family;
  }

  /** Adds numbers that are read when somebody asks. */
  read(source: Source): void {
    this.sources.push(new SampledSource(source, this.onFault));
    for (const definition of source.series) this.defineSampled(definition);
  }

  /** Every series that there is. */
  get definitions(): readonly Defined[] {
    return this.defined;
  }

  /** The numbers of this moment as Prometheus reads them. Takes a second or so at most, whatever does not answer. */
  async exposition(): Promise<Exposition> {
    await this.readSources();
    return { contentType: this.registry.contentType, text: await this.registry.metrics() };
  }

  /** Puts a label on every series: which of several processes of one server this is. */
  labelAll(label: string, value: string): void {
    this.registry.setDefaultLabels({ [label]: value });
  }

  private define({ name, help, labels, type }: Defined, samples: () => Iterable<Sample>): void {
    if (this.defined.some((known) => known.name === name)) throw new Error(`the series ${name} is defined twice`);
    this.defined.push({ name, help, labels, type });
    this.registry.registerMetric(new ExposedMetric({ name, help, labels }, type, samples));
  }

  private defineSampled({ type = 'gauge', ...definition }: SampledDefinition): void {
    this.define({ ...definition, type }, () => this.samples.get(definition.name) ?? []);
  }

  private async readSources(): Promise<void> {
    const sampled = await Promise.all(
      this.sources.map(async (source) => ({ source: source.source.name, readings: await source.sample() })),
    );
    this.samples.clear();
    const add = (name: string, labels: Sample['labels'], value: number) => {
      const known = this.samples.get(name);
      if (known === undefined) this.samples.set(name, [{ labels, value }]);
      else known.push({ labels, value });
    };
    for (const { source, readings } of sampled) {
      add(sourceUp.name, { source }, readings === undefined ? 0 : 1);
      for (const { name, labels = {}, value } of readings ?? []) add(name, labels, value);
    }
  }
}
