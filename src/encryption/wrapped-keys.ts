import type { EntityManager } from 'typeorm';
import type { KeyWrapper } from './key-wrapper.js';

/** Keys at rest that a key-encryption key has wrapped: one kind of them, in one table. */
export interface WrappedKeys {
  /**
   * Wraps every key by `to` that `from` has wrapped.
   *
   * @param from `undefined`: there should be none that `to` has not wrapped
   * @returns how many
   * @throws DecryptionFailed when a key was wrapped by neither, or does not open
   */
  rewrap(tx: EntityManager, from: KeyWrapper | undefined, to: KeyWrapper): Promise<number>;

  /**
   * Opens every key as it is stored now, with `wrapper` alone.
   *
   * @throws DecryptionFailed when one does not open
   */
  verify(tx: EntityManager, wrapper: KeyWrapper): Promise<void>;
}
