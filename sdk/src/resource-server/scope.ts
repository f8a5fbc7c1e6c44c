/** Whether holding `held` includes holding `asked`: the same name, or `x:*` for every `x:name`; a wildcard covers no wildcard. */
export function scopeCovers(held: string, asked: string): boolean {
  if (held === asked) return true;
  if (asked.includes('*') || !held.endsWith(':*')) return false;
  return asked.startsWith(held.slice(0, -1)) && asked.length >= held.length;
}

/** The scopes of `asked` that `held` does not cover. @internal */
export function missingScopes(held: readonly string[], asked: readonly string[]): string[] {
  return asked.filter((scope) => !held.some((one) => scopeCovers(one, scope)));
}
