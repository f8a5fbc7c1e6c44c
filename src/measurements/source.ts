import type { Labels, SeriesDefinition } from './series.js';

/** A number that is read when somebody asks for it. */
export interface SampledDefinition extends SeriesDefinition {
  /** `counter`: it only grows. Default `gauge`. */
  readonly type?: 'counter' | 'gauge';
}

/** One number of a source. */
export interface Reading {
  /** Name of its series. */
  readonly name: string;
  readonly labels?: Labels;
  readonly value: number;
}

/** Where numbers come from that nobody counts: the size of a pool, rows of a table. */
export interface Source {
  /** Unique in the server; the label of `signet_source_up`. */
  readonly name: string;
  readonly series: readonly SampledDefinition[];
  /** The numbers of this moment; a rejection leaves its series out of the answer. */
  read(): readonly Reading[] | Promise<readonly Reading[]>;
  /** Milliseconds for which a reading is given again, so that asking often costs little; default 0. */
  readonly freshMs?: number;
}

/** Is told of a source that cannot be read, once until it can be read again. */
export type SourceFault = (source: string, error: unknown) => void;

/** Longest that an answer waits for a source, in milliseconds. */
const waitMs = 1_000;

/** Asks a source: one question at a time, as often as it likes to be asked, and without waiting for it for long. */
export class SampledSource {
  private asking: Promise<readonly Reading[] | undefined> | undefined;
  private last: { readonly at: number; readonly readings: readonly Reading[] } | undefined;

  private failing = false;

  constructor(
    readonly source: Source,
    private readonly onFault: SourceFault,
  ) {}

  /** The numbers, not older than the source allows; `undefined` when it failed, or takes too long. Never rejects. */
  async sample(): Promise<readonly Reading[] | undefined> {
    const { last } = this;
    if (last !== undefined && performance.now() - last.at < (this.source.freshMs ?? 0)) return last.readings;
    this.asking ??= this.ask();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), waitMs);
    });
    try {
      return await Promise.race([this.asking, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  private async ask(): Promise<readonly Reading[] | undefined> {
    try {
      const readings = await this.source.read();
      this.last = { at: performance.now(), readings };
      this.failing = false;
      return readings;
    } catch (error) {
      this.last = undefined;
      if (!this.failing) this.onFault(this.source.name, error);
      this.failing = true;
      return undefined;
    } finally {
      this.asking = undefined;
    }
  }
}
