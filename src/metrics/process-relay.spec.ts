import { setTimeout as sleep } from 'node:timers/promises';
import type { ExchangeMessage } from './exchange-message.js';
import { ProcessRelay } from './process-relay.js';

/** Workers that answer what the relay asks of them, but for the silent ones. */
function workers(numbers: readonly number[], silent: readonly number[] = []) {
  const told: (ExchangeMessage & { to: number })[] = [];
  const relay: ProcessRelay = new ProcessRelay((worker, message) => {
    if (message.metrics === 'tell') told.push({ ...message, to: worker });
    if (message.metrics !== 'ask' || silent.includes(worker)) return;
    setImmediate(() => relay.receive(worker, { metrics: 'tell', id: message.id, texts: [`text of ${worker}`] }));
  });
  for (const worker of numbers) relay.receive(worker, { metrics: 'join' });
  return { relay, told };
}

it('hands one worker the texts of all others', async () => {
  const { relay, told } = workers([1, 2, 3]);
  relay.receive(2, { metrics: 'ask', id: 7 });
  relay.receive(3, { metrics: 'ask', id: 7 });
  await sleep(20);
  expect(told).toEqual([
    { to: 2, metrics: 'tell', id: 7, texts: ['text of 1', 'text of 3'] },
    { to: 3, metrics: 'tell', id: 7, texts: ['text of 1', 'text of 2'] },
  ]);
});

it('a worker that is alone is told so at once', () => {
  const { relay, told } = workers([1]);
  relay.receive(1, { metrics: 'ask', id: 1 });
  expect(told).toEqual([{ to: 1, metrics: 'tell', id: 1, texts: [] }]);
});

it('nobody waits for a worker that leaves or dies', async () => {
  const { relay, told } = workers([1, 2, 3, 4], [2, 3]);
  relay.receive(1, { metrics: 'ask', id: 1 });
  await sleep(20);
  relay.receive(2, { metrics: 'leave' });
  expect(told).toEqual([]);
  relay.forget(3);
  expect(told).toEqual([{ to: 1, metrics: 'tell', id: 1, texts: ['text of 4'] }]);
  relay.receive(1, { metrics: 'ask', id: 2 });
  await sleep(20);
  expect(told.at(-1)).toEqual({ to: 1, metrics: 'tell', id: 2, texts: ['text of 4'] });
});

it('nor for one that does not answer', async () => {
  const { relay, told } = workers([1, 2, 3], [2]);
  relay.receive(1, { metrics: 'ask', id: 1 });
  await sleep(2_000);
  expect(told).toEqual([{ to: 1, metrics: 'tell', id: 1, texts: ['text of 3'] }]);
});
