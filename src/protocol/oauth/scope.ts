import { invalidScope } from './error.js';

const ADMIN_FULL = 'admin:full';
const ADMIN_OAUTH = 'admin:oauth';
const OAUTH_INTROSPECT = 'oauth:introspect';
const OWN_PREFIXES = ['admin:', 'oauth:', 'events:', 'state:'] as const;
const MAX_NAME_LENGTH = 128;
const SMALL_LIST = 16;
const NOT_ALLOWED = 'a scope is unknown or not allowed for this client';

/** Whether `text` is one scope-token: 1*( %x21 / %x23-5B / %x5D-7E ) (RFC 6749 §3.3). */
export function isScopeToken(text: string): boolean {
  return text !== '' && areScopeCharacters(text, 0, text.length);
}

function areScopeCharacters(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x21 || code > 0x7e || code === 0x22 || code === 0x5c) return false;
  }
  return true;
}

/**
 * Splits a scope value by the ABNF of RFC 6749 §3.3: tokens with exactly one space between them. A token given more
 * than once counts once, at its first place (security.md T-17).
 *
 * @throws OAuthError `invalid_scope`
 */
export function parseScope(value: string): readonly string[] {
  const tokens: string[] = [];
  let seen: Set<string> | undefined;
  for (let start = 0, end = 0; start <= value.length; start = end + 1) {
    end = value.indexOf(' ', start);
    if (end === -1) end = value.length;
    if (end === start || !areScopeCharacters(value, start, end)) throw invalidScope('the scope is malformed');
    const token = value.slice(start, end);
    if (seen === undefined && tokens.length < SMALL_LIST) {
      if (!tokens.includes(token)) tokens.push(token);
      continue;
    }
    seen ??= new Set(tokens);
    if (!seen.has(token)) tokens.push(token);
    seen.add(token);
  }
  return tokens;
}

/** The value of a `scope` parameter, claim or member (RFC 6749 §3.3): tokens with one space between them. */
export function formatScope(scope: readonly string[]): string {
  return scope.length === 1 ? (scope[0] ?? '') : scope.join(' ');
}

/**
 * Whether holding `allowed` includes holding `asked`: the same name; `x:*` covers every `x:name`; `admin:full` covers
 * every `admin:name` and `oauth:introspect` (http-api.md "Scopes"). A wildcard is covered by itself only, and wildcards
 * of privileged scopes cover nothing, since nobody can register them.
 */
export function scopeCovers(allowed: string, asked: string): boolean {
  if (allowed === asked) return true;
  if (asked.includes('*')) return false;
  if (allowed === ADMIN_FULL) return asked === OAUTH_INTROSPECT || (asked.startsWith('admin:') && asked.length > 6);
  return (
    allowed.endsWith(':*') &&
    !isPrivileged(allowed) &&
    asked.length >= allowed.length &&
    asked.startsWith(allowed.slice(0, -1))
  );
}

/**
 * The scope of a token (RFC 6749 §3.3, http-api.md): asked for nothing, all that is allowed, as it is stored; else what
 * was asked, each one allowed literally, or registered and covered by an allowed wildcard or `admin:full`. One that is
 * not fails them all.
 *
 * @param asked value of the request's `scope`; empty counts as omitted (RFC 6749 §3.2)
 * @throws OAuthError `invalid_scope`
 */
export function resolveScope(request: {
  readonly asked?: string | undefined;
  readonly allowed: readonly string[];
  isRegistered(name: string): boolean;
}): string[] {
  const { asked, allowed } = request;
  if (asked === undefined || asked === '') return allowed.slice();
  const scope = parseScope(asked).slice();
  for (const name of scope) {
    if (allowed.includes(name)) continue;
    if (!allowed.some((one) => scopeCovers(one, name)) || !request.isRegistered(name)) throw invalidScope(NOT_ALLOWED);
  }
  return scope;
}

/** Whether a scope gives power over this server's own records: `admin:*` and `oauth:*` (http-api.md "Authority"). */
export function isPrivileged(scope: string): boolean {
  return scope.startsWith('admin:') || scope.startsWith('oauth:');
}

/** Whether a scope is one of this server's own: `admin:* events:* state:* oauth:*` (http-api.md, access token). */
export function isOwnScope(scope: string): boolean {
  return OWN_PREFIXES.some((prefix) => scope.startsWith(prefix));
}

/**
 * Whether a caller may give, take over or touch what holds `targetScopes` (security.md D8): `admin:full` covers all,
 * `admin:oauth` every scope that is not privileged; what the caller holds itself it covers too.
 */
export function authorityCovers(callerScopes: readonly string[], targetScopes: readonly string[]): boolean {
  if (callerScopes.includes(ADMIN_FULL)) return true;
  const overUnprivileged = callerScopes.includes(ADMIN_OAUTH);
  return targetScopes.every(
    (target) => (overUnprivileged && !isPrivileged(target)) || callerScopes.some((held) => scopeCovers(held, target)),
  );
}

/**
 * Whether a scope of this name may be registered (security.md M-07): a scope-token of at most 128 characters, outside
 * the reserved `admin:` and `oauth:` in any case, with no empty first or last segment; `*` only as the whole last
 * segment after a colon. Not `.` and `..`, which no path can name (RFC 3986 §5.2.4).
 */
export function isRegistrableScopeName(name: string): boolean {
  if (name.length > MAX_NAME_LENGTH || !isScopeToken(name) || name === '.' || name === '..') return false;
  if (isPrivileged(name.toLowerCase()) || name.startsWith(':') || name.endsWith(':')) return false;
  const star = name.indexOf('*');
  return star === -1 || (star > 1 && star === name.length - 1 && name.endsWith(':*'));
}

/** Whether a token with the scopes `held` opens an endpoint that requires `required` (http-api.md "Admin"). */
export function grantsApi(held: readonly string[], required: string): boolean {
  return held.includes(required) || held.some((scope) => scopeCovers(scope, required));
}
