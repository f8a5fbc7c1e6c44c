/** Remembers which deliveries were worked on. One in a database, written with the work itself, makes it exactly once. */
export interface Inbox {
  /** Whether it was worked on. */
  has(id: string): boolean | Promise<boolean>;
  /** Remembers that it was. */
  add(id: string): void | Promise<void>;
}

/** Remembers the last ones in memory: enough against repeats, not against a restart. */
export class MemoryInbox implements Inbox {
  readonly #ids = new Set<string>();
  readonly #capacity: number;

  constructor(capacity = 10_000) {
    this.#capacity = capacity;
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  add(id: string): void {
    this.#ids.add(id);
    if (this.#ids.size <= this.#capacity) return;
    const oldest = this.#ids.values().next();
    if (oldest.done !== true) this.#ids.delete(oldest.value);
  }
}
