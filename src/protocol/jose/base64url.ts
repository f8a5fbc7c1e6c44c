/**
 * Decodes a part of a JWS; `undefined` if it is not spelled canonically: stray bits in the last character would give one value
 * several spellings (RFC 4648 §3.5).
 */
export function decodeBase64Url(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, 'base64url');
  return bytes.toString('base64url') === part ? bytes : undefined;
}
