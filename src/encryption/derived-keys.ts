import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';

/**
 * Keys for one purpose each, derived from the root key of this database with HKDF-SHA-256 (RFC 5869). They outlive a change of
 * the key-encryption key, which only wraps the root key anew.
 */
export class DerivedKeys {
  readonly #root: KeyObject;
  readonly #derived = new Map<string, Buffer>();

  /** @param rootKey 32 bytes; the caller overwrites its copy */
  constructor(rootKey: Buffer) {
    this.#root = createSecretKey(rootKey);
  }

  /**
   * The key for `purpose`, a fixed word with a version such as `client-secret-v1`; the same at every start and in every
   * process.
   *
   * @returns 32 bytes, shared by all callers: not to be written to
   */
  derive(purpose: string): Buffer {
    let key = this.#derived.get(purpose);
    if (key === undefined) {
      key = Buffer.from(hkdfSync('sha256', this.#root, '', purpose, 32));
      this.#derived.set(purpose, key);
    }
    return key;
  }
}
