import { doneWithin } from './watchdog.js';

it('lets work be done', () => {
  const done: number[] = [];
  expect(doneWithin(1_000, () => done.push(1))).toBe(true);
  expect(done).toEqual([1]);
});

it('throws what the work throws', () => {
  const fault = new RangeError('x');
  expect(() =>
    doneWithin(1_000, () => {
      throw fault;
    }),
  ).toThrow(fault);
});

it('L-07: ends a loop, and a regular expression that goes astray', () => {
  expect(
    doneWithin(20, () => {
      for (;;);
    }),
  ).toBe(false);
  expect(doneWithin(20, () => /^(a+)+$/.test(`${'a'.repeat(60)}!`))).toBe(false);
  expect(doneWithin(1_000, () => undefined)).toBe(true);
});
