import { decodeBase64Url } from './base64url.js';

const MAX_LENGTH = 16_384;
/** The classes do not overlap with the dot, so there is one way to match only and the time is linear. */
const COMPACT_JWS = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/**
 * Whether `value` has the shape of a JWS in compact serialization (RFC 7515 §7.1): three non-empty base64url parts, at
 * most 16 KiB. To be asked before anything is decoded (security.md D9); an unsigned token (`alg: none`) fails here, and so does
 * a signature that could be spelled otherwise: the other parts are signed as they are spelled.
 */
export function isCompactJws(value: string): boolean {
  return (
    value.length <= MAX_LENGTH &&
    COMPACT_JWS.test(value) &&
    decodeBase64Url(value.slice(value.lastIndexOf('.') + 1)) !== undefined
  );
}
