import { parseExposition, type Sample } from './exposition.js';
import type { TestServer } from './server.js';

/** The numbers of one scrape. */
export class Scrape {
  private readonly samples: readonly Sample[];

  constructor(readonly text: string) {
    this.samples = [...parseExposition(text).values()].flatMap((metric) => metric.samples);
  }

  /** The sum of every line of that name which has these labels; 0 where there is none. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.of(name, labels).reduce((sum, sample) => sum + sample.value, 0);
  }

  /** Those lines. */
  of(name: string, labels: Readonly<Record<string, string>> = {}): Sample[] {
    const wanted = Object.entries(labels);
    return this.samples.filter(
      (sample) => sample.name === name && wanted.every(([label, value]) => sample.labels[label] === value),
    );
  }

  /** How many lines there are. */
  get size(): number {
    return this.samples.length;
  }
}

/** Scrapes a server of this machine. */
export async function scrape(server: TestServer): Promise<Scrape> {
  const response = await server.fetch('/metrics');
  if (response.status !== 200) throw new Error(`no metrics: ${response.status} ${await response.text()}`);
  return new Scrape(await response.text());
}

/** By how much the numbers rise while `work` is done: the difference of each line. */
export async function riseOf(server: TestServer, work: () => Promise<unknown>): Promise<Rise> {
  const before = await scrape(server);
  await work();
  const after = await scrape(server);
  return (name, labels) => after.value(name, labels) - before.value(name, labels);
}

/** By how much a number has risen. */
export type Rise = (name: string, labels?: Readonly<Record<string, string>>) => number;
