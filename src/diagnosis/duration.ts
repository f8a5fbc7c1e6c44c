const units = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
] as const;

/** Milliseconds in the largest unit of which there is at least one: `3 days`. */
export function duration(ms: number): string {
  const [unit, size] = units.find(([, length]) => ms >= length) ?? units[3];
  const count = Math.floor(ms / size);
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
