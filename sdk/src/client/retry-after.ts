/** Longer than this no answer makes anybody wait. */
const mostMs = 300_000;

/** Milliseconds of a `Retry-After`, in seconds or as a date (RFC 9110 §10.2.3), five minutes at most; `undefined` without one. @internal */
export function retryAfterOf(headers: Headers): number | undefined {
  const value = headers.get('retry-after');
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.min(mostMs, Math.max(0, ms));
}
