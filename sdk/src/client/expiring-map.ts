import { monotonic } from './monotonic.js';

/** A map whose entries end, by the monotonic clock, and that never holds more than its capacity: the oldest go first. @internal */
export interface ExpiringMap<Value> {
  get(key: string): Value | undefined;
  /** @param lifeMs as long as there is room unless given */
  set(key: string, value: Value, lifeMs?: number): void;
  delete(key: string): void;
  deleteWhere(condition: (value: Value) => boolean): void;
  clear(): void;
  size(): number;
}

/** Makes one. @internal */
export function expiringMap<Value>(capacity: number): ExpiringMap<Value> {
  const entries = new Map<string, { readonly value: Value; readonly until: number }>();
  return {
    get: (key) => {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      if (monotonic() < entry.until) return entry.value;
      entries.delete(key);
      return undefined;
    },
    set: (key, value, lifeMs = Infinity) => {
      entries.delete(key);
      entries.set(key, { value, until: monotonic() + lifeMs });
      if (entries.size <= capacity) return;
      const oldest = entries.keys().next();
      if (oldest.done !== true) entries.delete(oldest.value);
    },
    delete: (key) => void entries.delete(key),
    deleteWhere: (condition) => {
      for (const [key, { value }] of entries) if (condition(value)) entries.delete(key);
    },
    clear: () => entries.clear(),
    size: () => entries.size,
  };
}
