/**
 * Whether `If-None-Match` names the entity tag of what would be sent, by weak comparison (RFC 9110 §13.1.2), so that the
 * answer is 304.
 *
 * @param ifNoneMatch the header as it came, a list or `*`
 * @param entityTag the current tag, quotes included and without a quote or comma inside them
 */
export function isNotModified(ifNoneMatch: string | undefined, entityTag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  // A tag carries its quotes and no tag has a quote inside: where it occurs in the list, it is a member, strong or weak.
  return ifNoneMatch.includes(entityTag) || ifNoneMatch.trim() === '*';
}
