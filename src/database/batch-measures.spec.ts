import { parseExposition } from '../../test/support/exposition.js';
import { Measurements } from '../measurements/index.js';
import { Batches } from './batch-measures.js';
import { DatabaseUnavailable } from './database-unavailable.js';
import { GroupCommit } from './group-commit.js';

async function numbersOf(measurements: Measurements): Promise<Map<string, number>> {
  const { text } = await measurements.exposition();
  const samples = [...parseExposition(text).values()].flatMap((metric) => metric.samples);
  return new Map(samples.filter(({ labels }) => !('le' in labels)).map(({ name, value }) => [name, value]));
}

it('batches are measured: how many items, how long they waited and took, and who was turned away', async () => {
  const measurements = new Measurements();
  let release: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const sizes: number[] = [];
  const batch = new GroupCommit<number, number>({
    maxBatch: 4,
    maxQueued: 6,
    measures: new Batches(measurements).of('things'),
    commit: async (items) => {
      sizes.push(items.length);
      await gate;
      return items;
    },
  });
  const first = batch.add(0);
  await new Promise((resolve) => setImmediate(resolve));
  const others = [1, 2, 3, 4, 5, 6].map((item) => batch.add(item));
  await expect(batch.add(7)).rejects.toBeInstanceOf(DatabaseUnavailable);
  release();
  expect(await Promise.all([first, ...others])).toEqual([0, 1, 2, 3, 4, 5, 6]);
  await batch.drained();

  expect(sizes).toEqual([1, 4, 2]);
  const numbers = await numbersOf(measurements);
  expect(numbers.get('signet_batch_size_count')).toBe(3);
  expect(numbers.get('signet_batch_size_sum')).toBe(7);
  expect(numbers.get('signet_batch_wait_seconds_count')).toBe(3);
  expect(numbers.get('signet_batch_duration_seconds_count')).toBe(3);
  expect(numbers.get('signet_batch_refused_total')).toBe(1);
});
