/** How an access token was sent: as whoever holds it (RFC 6750 §2.1), or by the holder of a key (RFC 9449 §7.1). */
export type TokenScheme = 'Bearer' | 'DPoP';

/** An access token as it was sent, not yet looked at. */
export interface PresentedToken {
  readonly scheme: TokenScheme;
  readonly token: string;
}

/**
 * The token of an `Authorization` field; the scheme is case-insensitive (RFC 9110 §11.1).
 *
 * @returns `undefined` if none was sent; another way of authenticating is none (RFC 6750 §3.1)
 */
export function presentedToken(authorization: string | undefined): PresentedToken | undefined {
  const scheme = /^(bearer|dpop)(?: |$)/i.exec(authorization ?? '')?.[1];
  if (authorization === undefined || scheme === undefined) return undefined;
  const token = /^[a-z]+ +([^ ]+)$/i.exec(authorization)?.[1];
  return {
    scheme: scheme.toLowerCase() === 'dpop' ? 'DPoP' : 'Bearer',
    // Something was sent that cannot be a token: an empty one is refused as invalid, not taken for absent.
    token: token ?? '-',
  };
}
