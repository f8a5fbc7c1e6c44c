const form = /^(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/;

/**
 * Reads a `date-time` of RFC 3339 §5.6, with any offset; leap seconds are not known here.
 *
 * @returns milliseconds since the epoch, what is finer cut off; `undefined` for anything else, dates that do not exist included
 */
export function parseDateTime(text: string): number | undefined {
  const [, date, time, fraction = '', offset] = form.exec(text) ?? [];
  if (date === undefined || time === undefined || offset === undefined) return undefined;
  const local = Date.parse(`${date}T${time}Z`);
  // The 30th of February is read as the 2nd of March, and 24:00:00 as the next day.
  if (Number.isNaN(local) || !new Date(local).toISOString().startsWith(`${date}T${time}`)) return undefined;
  const at = Date.parse(`${date}T${time}${fraction.slice(0, 4)}${offset.toUpperCase()}`);
  return Number.isNaN(at) ? undefined : at;
}
