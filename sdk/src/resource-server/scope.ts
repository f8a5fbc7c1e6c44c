/**
 * Whether holding `held` includes holding `asked`, by the rule of the server: the same name; `x:*` covers every `x:name`;
 * `admin:full` every `admin:name` and `oauth:introspect`. A wildcard is covered by itself only; `admin:*` and `oauth:*` cover nothing.
 */
export function scopeCovers(held: string, asked: string): boolean {
  if (held === asked) return true;
  if (asked.includes('*')) return false;
  if (held === 'admin:full') return asked === 'oauth:introspect' || /^admin:./.test(asked);
  const isWildcard = held.endsWith(':*') && !/^(?:admin|oauth):/.test(held);
  return isWildcard && asked.startsWith(held.slice(0, -1)) && asked.length >= held.length;
}

/** The scopes of `asked` that `held` does not cover. @internal */
export function missingScopes(held: readonly string[], asked: readonly string[]): string[] {
  return asked.filter((scope) => !held.some((one) => scopeCovers(one, scope)));
}
