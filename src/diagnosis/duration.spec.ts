import { duration } from './duration.js';

it.each([
  [0, '0 seconds'],
  [1_999, '1 second'],
  [59_999, '59 seconds'],
  [7_200_000, '2 hours'],
  [86_400_000, '1 day'],
])('%d ms are %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});
