/**
 * Whether each part of a JWS is spelled as RFC 4648 §3.5 wants it: bits that nobody reads would make many tokens of one.
 *
 * @internal
 */
export function isCanonical(jws: string): boolean {
  return jws.split('.').every((part) => Buffer.from(part, 'base64url').toString('base64url') === part);
}
