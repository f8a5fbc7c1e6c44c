const pathCharacter = String.raw`[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2}`;
const nameCharacter = String.raw`[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2}`;
const userCharacter = String.raw`[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2}`;

const authority = String.raw`(?:(?:${userCharacter})*@)?(?:\[[0-9A-Za-z:.]+\]|(?:${nameCharacter})*)(?::[0-9]*)?`;
const scheme = '[A-Za-z][A-Za-z0-9+.-]*:';

/** RFC 3986 §4.1; each part begins with a character that ends the one before. */
const uriReference = new RegExp(
  String.raw`^(${scheme})?(//${authority}(?=[/?#]|$))?((?:${pathCharacter})*)(?:\?(?:${pathCharacter}|\?)*)?(?:#(?:${pathCharacter}|\?)*)?$`,
);

/** Whether `text` is a URI or a relative reference (RFC 3986 §4.1), the empty one included. Linear in its length. */
export function isUriReference(text: string): boolean {
  const match = uriReference.exec(text);
  if (match === null) return false;
  const [, ownScheme, ownAuthority, path = ''] = match;
  if (ownAuthority !== undefined) return path === '' || path.startsWith('/');
  // RFC 3986 §3.3, §4.2: two slashes would begin an authority, and a colon in the first segment would end a scheme.
  return !path.startsWith('//') && (ownScheme !== undefined || !path.split('/', 1)[0]?.includes(':'));
}

const startsWithScheme = new RegExp(`^${scheme}`);

/** Whether `text` is a URI (RFC 3986 §3): it begins with a scheme. */
export function isUri(text: string): boolean {
  return startsWithScheme.test(text) && isUriReference(text);
}
