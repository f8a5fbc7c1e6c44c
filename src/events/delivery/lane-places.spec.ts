import type { DeliveryMeasures } from './delivery-measures.js';
import { concurrency, LanePlaces, type Place } from './lane-places.js';

let active: number;
let places: LanePlaces;

beforeEach(() => {
  jest.useFakeTimers();
  active = 0;
  const measures: Pick<DeliveryMeasures, 'lane'> = {
    lane: (_, change) => {
      active += change;
    },
  };
  places = new LanePlaces(measures as DeliveryMeasures);
  places.open();
});

afterEach(() => {
  places.close();
  jest.useRealTimers();
});

const most = concurrency.security;

function take(silentMs: number, slow = false): Place {
  return places.take({
    lane: 'security',
    slow,
    turn: { silentMs },
    onAside: () => undefined,
  });
}

function takeAll(count: number, silentMs: number, slow = false): Place[] {
  return Array.from({ length: count }, () => take(silentMs, slow));
}

it('leaves everybody in place while there is room', () => {
  const waiting = takeAll(most - 1, 60_000);
  jest.advanceTimersByTime(1_000);
  expect(places.isFull('security')).toBe(false);
  expect(waiting.some(({ aside }) => aside)).toBe(false);
  expect(active).toBe(most - 1);
});

it('sets aside whoever only waits once every place is taken, and nobody else', () => {
  const waiting = takeAll(most - 2, 60_000);
  const busy = takeAll(2, 10);
  jest.advanceTimersByTime(100);
  expect(waiting.every(({ aside }) => aside)).toBe(true);
  expect(busy.some(({ aside }) => aside)).toBe(false);
  expect(places.isFull('security')).toBe(false);
  expect(active).toBe(2);
});

it('lets only so many finish aside', () => {
  const taken: Place[] = [];
  for (let wave = 0; wave < 10; wave += 1) {
    const room = most - taken.filter(({ aside }) => !aside).length;
    taken.push(...takeAll(room, 60_000));
    jest.advanceTimersByTime(100);
  }
  expect(taken.filter(({ aside }) => aside)).toHaveLength(4 * most);
  expect(places.isFull('security')).toBe(true);
  expect(active).toBe(most);
  for (const place of taken) places.leave(place);
  expect(active).toBe(0);
});

it('counts what is slow in its place and aside', () => {
  const slow = takeAll(most / 2, 60_000, true);
  expect(places.hasEnoughSlow('security')).toBe(true);
  expect(places.hasEnoughSlow('bulk')).toBe(false);
  takeAll(most / 2, 10);
  jest.advanceTimersByTime(100);
  expect(slow.every(({ aside }) => aside)).toBe(true);
  expect(places.hasEnoughSlow('security')).toBe(true);
  for (const place of slow) places.leave(place);
  expect(places.hasEnoughSlow('security')).toBe(false);
});
