import { parseExposition } from '../../test/support/exposition.js';
import { Measurements } from '../measurements/index.js';
import { mergedText } from './merged-text.js';

async function textOf(process: string, ...kinds: string[]): Promise<string> {
  const measurements = new Measurements();
  const things = measurements.counters({ name: 'signet_things_total', help: 'Things.', labels: ['kind'] });
  const times = measurements.histograms({ name: 'signet_took_seconds', help: 'Time.', labels: [], bounds: [1] });
  for (const kind of kinds) {
    things.of(kind).add();
    times.of().observe(0.5);
  }
  measurements.labelAll('process', process);
  return (await measurements.exposition()).text;
}

it('the numbers of several processes stand together, each with its process', async () => {
  const metrics = parseExposition(mergedText([await textOf('1', 'a', 'b'), await textOf('2', 'a'), await textOf('3')]));
  expect([...metrics.keys()]).toEqual(['signet_source_up', 'signet_things_total', 'signet_took_seconds']);
  expect(metrics.get('signet_things_total')?.samples).toEqual([
    { name: 'signet_things_total', labels: { kind: 'a', process: '1' }, value: 1 },
    { name: 'signet_things_total', labels: { kind: 'b', process: '1' }, value: 1 },
    { name: 'signet_things_total', labels: { kind: 'a', process: '2' }, value: 1 },
  ]);
  const counts = metrics.get('signet_took_seconds')?.samples.filter(({ name }) => name.endsWith('_count'));
  expect(counts?.map(({ value }) => value)).toEqual([2, 1]);
});

it('one text stays as it is', async () => {
  const text = await textOf('1', 'a');
  expect(mergedText([text])).toBe(text);
});
