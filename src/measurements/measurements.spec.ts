import { setTimeout as sleep } from 'node:timers/promises';
import { parseExposition } from '../../test/support/exposition.js';
import { Measurements, type Reading } from './index.js';

const definition = { name: 'signet_things_total', help: 'Things.', labels: ['kind', 'outcome'] };
const gauge = { name: 'signet_level', help: 'A level.', labels: [] };

async function linesOf(measurements: Measurements): Promise<string[]> {
  const { text } = await measurements.exposition();
  parseExposition(text);
  return text.split('\n').filter((line) => line !== '' && !line.includes('signet_source_up'));
}

it('counters are what was added', async () => {
  const measurements = new Measurements();
  const things = measurements.counters(definition);
  const done = things.of('a', 'done');
  done.add();
  done.add(2);
  things.of('b', 'failed');
  expect(things.of('a', 'done')).toBe(done);
  expect(await linesOf(measurements)).toEqual([
    '# HELP signet_things_total Things.',
    '# TYPE signet_things_total counter',
    'signet_things_total{kind="a",outcome="done"} 3',
    'signet_things_total{kind="b",outcome="failed"} 0',
  ]);
});

it('histograms count each value in the first bucket that holds it, and in all above', async () => {
  const measurements = new Measurements();
  const series = measurements.histograms({
    name: 'signet_took_seconds',
    help: 'Time.',
    labels: ['of'],
    bounds: [1, 2, 4],
  });
  for (const value of [0, 1, 1.5, 2, 4, 9]) series.of('x').observe(value);
  expect(await linesOf(measurements)).toEqual([
    '# HELP signet_took_seconds Time.',
    '# TYPE signet_took_seconds histogram',
    'signet_took_seconds_bucket{of="x",le="1"} 2',
    'signet_took_seconds_bucket{of="x",le="2"} 4',
    'signet_took_seconds_bucket{of="x",le="4"} 5',
    'signet_took_seconds_bucket{of="x",le="+Inf"} 6',
    'signet_took_seconds_sum{of="x"} 17.5',
    'signet_took_seconds_count{of="x"} 6',
  ]);
});

it('label values are written so that they can be read again', async () => {
  const measurements = new Measurements();
  measurements.counters(definition).of('a"b\\c\nd', '').add();
  expect(await linesOf(measurements)).toContain(String.raw`signet_things_total{kind="a\"b\\c\nd",outcome=""} 1`);
});

it('a family does not grow without end', async () => {
  const things = new Measurements().counters(definition);
  for (let index = 0; index < 5_000; index += 1) things.of(`kind ${index}`, 'done').add();
  const entries = [...things.entries()];
  expect(entries.length).toBeLessThanOrEqual(1_001);
  expect(entries.reduce((sum, [, { value }]) => sum + value, 0)).toBe(5_000);
  expect(entries.at(-1)?.[0]).toEqual({ kind: 'other', outcome: 'other' });
});

it('a name that is taken, and values without a label, are faults of the program', () => {
  const measurements = new Measurements();
  const things = measurements.counters(definition);
  expect(() => measurements.counters(definition)).toThrow('defined twice');
  expect(() => things.of('a')).toThrow(TypeError);
});

it('a label may be put on everything', async () => {
  const measurements = new Measurements();
  measurements.counters(definition).of('a', 'done').add();
  measurements.read({ name: 'level', series: [gauge], read: () => [{ name: gauge.name, value: 7 }] });
  measurements.labelAll('process', '3');
  const lines = await linesOf(measurements);
  expect(lines).toContain('signet_things_total{kind="a",outcome="done",process="3"} 1');
  expect(lines).toContain('signet_level{process="3"} 7');
});

describe('a source', () => {
  const upOf = async (measurements: Measurements) =>
    parseExposition((await measurements.exposition()).text).get('signet_source_up')?.samples[0]?.value;

  const levelOf = async (measurements: Measurements) =>
    parseExposition((await measurements.exposition()).text)
      .get('signet_level')
      ?.samples.map(({ value }) => value);

  it('is read once for all who ask at the same moment, and again when its numbers are old', async () => {
    const measurements = new Measurements();
    let reads = 0;
    const read = async (): Promise<Reading[]> => {
      await sleep(5);
      return [{ name: gauge.name, value: (reads += 1) }];
    };
    measurements.read({ name: 'level', series: [gauge], read, freshMs: 60 });
    await Promise.all(Array.from({ length: 20 }, () => measurements.exposition()));
    expect(await levelOf(measurements)).toEqual([1]);
    await sleep(80);
    expect(await levelOf(measurements)).toEqual([2]);
  });

  it('that fails leaves its series out, and nothing else; that is told once', async () => {
    const faults: string[] = [];
    const measurements = new Measurements((source, error) => faults.push(`${source}: ${(error as Error).message}`));
    let broken = true;
    const read = async (): Promise<Reading[]> => {
      if (broken) throw new Error('secret');
      return [{ name: gauge.name, value: 1 }];
    };
    measurements.read({ name: 'level', series: [gauge], read });
    const { text } = await measurements.exposition();
    expect(text).not.toContain('secret');
    expect(await upOf(measurements)).toBe(0);
    expect(await levelOf(measurements)).toEqual([]);
    expect(faults).toEqual(['level: secret']);
    broken = false;
    expect(await upOf(measurements)).toBe(1);
    expect(await levelOf(measurements)).toEqual([1]);
  });

  it('that does not answer holds nobody up, and is not asked again meanwhile', async () => {
    const measurements = new Measurements();
    let asked = 0;
    const read = () => {
      asked += 1;
      return new Promise<Reading[]>(() => undefined);
    };
    measurements.read({ name: 'level', series: [gauge], read });
    expect(await upOf(measurements)).toBe(0);
    expect(await levelOf(measurements)).toEqual([]);
    expect(asked).toBe(1);
  });
});
