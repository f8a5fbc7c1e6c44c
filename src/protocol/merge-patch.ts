/** A JSON merge patch of a `T` (RFC 7396): a member absent stays, `null` goes back to its default, else it is replaced. */
export type MergePatch<T> = { readonly [K in keyof T]?: T[K] | null | undefined };

/**
 * Applies a JSON merge patch (RFC 7396 §2) to a resource with a fixed set of members: those of `defaults`, no others,
 * so nothing is mass-assigned. `undefined` counts as absent. A member that is an object itself (such as `metadata`) is
 * merged in its turn: there `null` removes a member. Neither argument is changed.
 *
 * @param defaults what a member is when it is removed
 */
export function applyMergePatch<T extends object>(current: T, patch: MergePatch<T>, defaults: Readonly<T>): T {
  const result: T = { ...current };
  for (const key of Object.keys(defaults) as (keyof T)[]) {
    if (!Object.hasOwn(patch, key)) continue;
    const value = patch[key];
    if (value === undefined) continue;
    result[key] = value === null ? defaults[key] : (mergeValue(current[key], value) as T[keyof T]);
  }
  return result;
}

function mergeValue(target: unknown, patch: unknown): unknown {
  if (!isPlainObject(patch)) return patch;
  const merged = new Map<string, unknown>(isPlainObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else if (value !== undefined) merged.set(name, mergeValue(merged.get(name), value));
  }
  return Object.fromEntries(merged);
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
