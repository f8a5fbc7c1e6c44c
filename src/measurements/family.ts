import type { Labels, SeriesDefinition } from './series.js';

/** Most label values of one name. It is far above what the code knows of; a slip must not fill the memory. */
const maxSeries = 1_000;

const overflow = 'other';

/**
 * The series of one name, one for each combination of label values. Whoever counts on a hot path asks for its series once and
 * keeps it.
 */
export class Family<Series> {
  private readonly known = new Map<string, readonly [Labels, Series]>();

  constructor(
    readonly definition: SeriesDefinition,
    private readonly create: () => Series,
  ) {}

  /**
   * The series of these label values, in the order in which the labels are defined.
   *
   * @throws TypeError when there are more or fewer values than labels: a fault of the program
   */
  of(...values: readonly string[]): Series {
    const { labels, name } = this.definition;
    if (values.length !== labels.length) throw new TypeError(`${name} has other labels`);
    const key = values.join('\0');
    const found = this.known.get(key);
    if (found !== undefined) return found[1];
    if (this.known.size >= maxSeries && values.some((value) => value !== overflow)) {
      return this.of(...values.map(() => overflow));
    }
    const series = this.create();
    this.known.set(key, [Object.fromEntries(labels.map((label, index) => [label, values[index] ?? ''])), series]);
    return series;
  }

  /** Every series with its labels, in the order in which they were first asked for. */
  entries(): Iterable<readonly [Labels, Series]> {
    return this.known.values();
  }
}
