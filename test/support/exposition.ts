/** A strict reader of the Prometheus text format, version 0.0.4. */

/** One line: a number under a name and labels. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric: what its `# HELP` and `# TYPE` say, and its lines. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly samples: Sample[];
}

const sampleLine = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (NaN|[+-]Inf|-?[0-9.]+(?:e[+-]?[0-9]+)?)$/;
const labelPart = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y;
const suffixes: Readonly<Record<string, readonly string[]>> = { histogram: ['_bucket', '_sum', '_count'] };

/**
 * Reads a whole text.
 *
 * @throws Error at whatever a scraper might stumble over: a line of no metric, one that is there twice, buckets that shrink
 */
export function parseExposition(text: string): Map<string, Metric> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const metrics = new Map<string, Metric>();
  const seen = new Set<string>();
  let current: Metric | undefined;
  let help: readonly [string, string] | undefined;
  for (const line of text.split('\n').filter((part) => part !== '')) {
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (keyword === 'HELP') help = [name, rest];
    else if (keyword === 'TYPE') {
      if (help?.[0] !== name || metrics.has(name)) throw new Error(`misplaced: ${line}`);
      current = { name, help: help[1], type: rest, samples: [] };
      metrics.set(name, current);
    } else {
      const sample = readSample(line);
      const key = `${sample.name} ${keyOf(sample.labels)}`;
      if (current === undefined || !namesOf(current).includes(sample.name)) throw new Error(`of no metric: ${line}`);
      if (seen.has(key)) throw new Error(`twice: ${line}`);
      seen.add(key);
      current.samples.push(sample);
    }
  }
  for (const metric of metrics.values()) if (metric.type === 'histogram') checkHistogram(metric);
  return metrics;
}

/** The same for the same labels in whatever order. */
function keyOf(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return pairs.toSorted((a, b) => (a < b ? -1 : 1)).join();
}

function namesOf({ name, type }: Metric): string[] {
  return (suffixes[type] ?? ['']).map((suffix) => name + suffix);
}

function readSample(line: string): Sample {
  const [, name, labels = '', value] = sampleLine.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new Error(`not a line of the format: ${line}`);
  return { name, labels: readLabels(labels, line), value: Number(value.replace('Inf', 'Infinity')) };
}

function readLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  labelPart.lastIndex = 0;
  while (labelPart.lastIndex < text.length) {
    const [, name, value] = labelPart.exec(text) ?? [];
    if (name === undefined || value === undefined || name in labels) throw new Error(`labels: ${line}`);
    labels[name] = value;
  }
  return labels;
}

/** Its buckets grow, end with `+Inf`, and that is the count. */
function checkHistogram({ name, samples }: Metric): void {
  const series = new Map<string, Sample[]>();
  for (const sample of samples) {
    const { le: _, ...own } = sample.labels;
    const key = keyOf(own);
    series.set(key, [...(series.get(key) ?? []), sample]);
  }
  for (const [key, lines] of series) {
    const buckets = lines.filter((line) => line.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => Number((labels['le'] ?? '').replace('Inf', 'Infinity')));
    const counts = buckets.map(({ value }) => value);
    const count = lines.find((line) => line.name === `${name}_count`)?.value;
    const sum = lines.find((line) => line.name === `${name}_sum`)?.value;
    const grows = (values: readonly number[]) =>
      values.every((value, index) => index === 0 || value >= (values[index - 1] ?? 0));
    if (
      !grows(bounds) ||
      !grows(counts) ||
      bounds.at(-1) !== Infinity ||
      counts.at(-1) !== count ||
      sum === undefined
    ) {
      throw new Error(`not a histogram: ${name} ${key}`);
    }
  }
}
