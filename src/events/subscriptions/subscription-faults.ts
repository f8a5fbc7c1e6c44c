/** Notes a fault of a member of the body; `pointer` is a JSON Pointer (RFC 6901). */
export type Report = (pointer: string, detail: string) => void;

/** A member name as a part of a JSON Pointer (RFC 6901 §3). */
export function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}
