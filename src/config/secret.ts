import { inspect } from 'node:util';

const mask = '[secret]';

/** A value that never prints itself: not in logs, not in JSON, not in an error message. */
export class Secret<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The value; to be called only where it is used. */
  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return mask;
  }

  toJSON(): string {
    return mask;
  }

  [inspect.custom](): string {
    return mask;
  }
}
