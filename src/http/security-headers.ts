/**
 * The headers that every answer carries (RFC 9700 §4.16): nothing here is a page, so nothing may be framed, sniffed or loaded.
 *
 * @param issuer HSTS is sent when it is https
 */
export function securityHeaders(issuer: string): Readonly<Record<string, string>> {
  return {
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
    ...(issuer.startsWith('https:') ? { 'strict-transport-security': 'max-age=31536000; includeSubDomains' } : {}),
  };
}
