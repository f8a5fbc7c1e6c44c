/**
 * JSON that is the same for the same value: members sorted by the code units of their names, no white space; members that are
 * `undefined` are left out. What {@link JSON.parse} gives comes out as RFC 8785 has it.
 *
 * @param value as {@link JSON.stringify} takes it, without objects that have a `toJSON`
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item: unknown) => canonicalJson(item ?? null)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}
