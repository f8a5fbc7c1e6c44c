/** What a series is, for whoever reads the numbers. docs/metrics.md lists every one. */
export interface SeriesDefinition {
  /** `signet_…` in base units; a counter ends in `_total`. */
  readonly name: string;
  /** One sentence for `# HELP`. */
  readonly help: string;
  /** Labels whose values are few and known beforehand: never an identifier, a path with one in it, or the text of an error. */
  readonly labels: readonly string[];
}

/** How a series is exposed. */
export type SeriesType = 'counter' | 'gauge' | 'histogram';

/** The values of the labels of a series. */
export type Labels = Readonly<Record<string, string>>;

/** A number that only grows. Adding costs an addition; it is read when somebody asks. */
export class Counter {
  private sum = 0;

  add(count = 1): void {
    this.sum += count;
  }

  get value(): number {
    return this.sum;
  }
}

/** How values are distributed over buckets. */
export class Histogram {
  private readonly counts: Float64Array;
  private total = 0;

  /** @param bounds inclusive upper bounds of the buckets, ascending; what is above the last is counted too */
  constructor(readonly bounds: readonly number[]) {
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const { bounds, counts } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] ?? Infinity)) bucket += 1;
    counts[bucket] = (counts[bucket] ?? 0) + 1;
    this.total += value;
  }

  /** The sum of everything that was observed. */
  get sum(): number {
    return this.total;
  }

  /** How many values were at most as high as each bound, and last how many there were. */
  cumulative(): number[] {
    let count = 0;
    return Array.from(this.counts, (own) => (count += own));
  }
}
