/** The JSON Pointer (RFC 6901 §3) of what these member names and indices lead to; of none: `''`, the whole. */
export function jsonPointer(path: readonly (string | number)[]): string {
  return path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
