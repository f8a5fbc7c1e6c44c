import { invalidTarget } from './error.js';
import { isOwnScope } from './scope.js';

const MAX_LENGTH = 1024;
const PUNCTUATION = "-._~:/?[]@!$&'()*+,;=";
const NOT_ALLOWED = 'a resource is not allowed for this client';

/** Characters that may stand in a URI (RFC 3986 §2), without `#` and `%`. */
const URI_CHARACTER = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  return isAlphanumeric(code) || PUNCTUATION.includes(character) ? 1 : 0;
});

/**
 * Checks a resource indicator: an absolute URI without a fragment (RFC 8707 §2, RFC 3986 §4.3), at most 1024
 * characters. Returned as it is: resources are compared as strings, never normalised (RFC 3986 §6.2.1).
 *
 * @throws OAuthError `invalid_target`
 */
export function parseResource(value: string): string {
  if (!isAbsoluteUri(value)) throw invalidTarget('a resource must be an absolute URI without a fragment');
  return value;
}

function isAbsoluteUri(value: string): boolean {
  if (value.length > MAX_LENGTH) return false;
  const colon = schemeEnd(value);
  if (colon === -1 || colon === value.length - 1) return false;
  for (let i = colon + 1; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code === 0x25) {
      if (!isHex(value.charCodeAt(i + 1)) || !isHex(value.charCodeAt(i + 2))) return false;
    } else if (code > 0x7f || URI_CHARACTER[code] !== 1) return false;
  }
  return !isWebScheme(value, colon) || hasAuthority(value, colon);
}

/** Index of the colon behind `ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )` (RFC 3986 §3.1), or -1. */
function schemeEnd(value: string): number {
  if (!isAlpha(value.charCodeAt(0))) return -1;
  for (let i = 1; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code === 0x3a) return i;
    if (!isAlphanumeric(code) && code !== 0x2b && code !== 0x2d && code !== 0x2e) return -1;
  }
  return -1;
}

function isWebScheme(value: string, colon: number): boolean {
  if (colon !== 4 && colon !== 5) return false;
  const scheme = value.slice(0, colon).toLowerCase();
  return scheme === 'https' || scheme === 'http';
}

/** RFC 9110 §4.2: an http(s) URI without a host is not valid. */
function hasAuthority(value: string, colon: number): boolean {
  if (!value.startsWith('//', colon + 1) || value.length === colon + 3) return false;
  return !'/?:@'.includes(value.charAt(colon + 3));
}

function isAlpha(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a);
}

function isAlphanumeric(code: number): boolean {
  return isAlpha(code) || (code >= 0x30 && code <= 0x39);
}

function isHex(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x46) || (code >= 0x61 && code <= 0x66);
}

/**
 * The `aud` of a token (RFC 8707 §2, RFC 9068 §3, http-api.md): the resources asked for, each one in the client's
 * `audience`; else the client's `audience`; else the issuer. The issuer itself may be asked for only by a client that
 * is allowed a scope of this server (security.md T-19), whatever its `audience` says. A string when it is one.
 *
 * @param request.client.scope what the client may ask for, not what this token gets
 * @throws OAuthError `invalid_target`
 */
export function resolveAudience(request: {
  readonly asked: readonly string[];
  readonly client: { readonly audience: readonly string[]; readonly scope: readonly string[] };
  readonly issuer: string;
}): string | string[] {
  const { asked, client, issuer } = request;
  if (asked.length === 0) return client.audience.length === 0 ? issuer : oneOrMany(client.audience);
  for (const resource of asked) {
    const allowed =
      resource === issuer ? client.scope.some(isOwnScope) : client.audience.includes(parseResource(resource));
    if (!allowed) throw invalidTarget(NOT_ALLOWED);
  }
  return oneOrMany(asked);
}

function oneOrMany(resources: readonly string[]): string | string[] {
  const [first] = resources;
  if (resources.length === 1 && first !== undefined) return first;
  const folded = [...new Set(resources)];
  return folded.length === 1 && folded[0] !== undefined ? folded[0] : folded;
}
