/** A map whose entries end, by the monotonic clock, and that never holds more than `capacity`: the oldest go first. @internal */
export class ExpiringMap<Value> {
  readonly #capacity: number;
  readonly #entries = new Map<string, { readonly value: Value; readonly until: number }>();

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (performance.now() < entry.until) return entry.value;
    this.#entries.delete(key);
    return undefined;
  }

  set(key: string, value: Value, lifeMs: number): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, until: performance.now() + lifeMs });
    if (this.#entries.size <= this.#capacity) return;
    const oldest = this.#entries.keys().next();
    if (oldest.done !== true) this.#entries.delete(oldest.value);
  }

  deleteWhere(condition: (value: Value) => boolean): void {
    for (const [key, { value }] of this.#entries) if (condition(value)) this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
  }
}
