/**
 * Encrypts small keys under the key-encryption key. The seam for a KMS, Vault transit or PKCS#11: what is stored names the
 * key that wrapped it (`kekId`) and is otherwise opaque.
 */
export abstract class KeyWrapper {
  /** Names the key-encryption key without telling anything about it; stored beside everything that it wraps. */
  abstract readonly kekId: string;

  /** Wraps `key`. `associatedData` says where the result is stored, so that it opens nowhere else. */
  abstract wrap(key: Buffer, associatedData: Buffer): Promise<Buffer>;

  /**
   * Unwraps what {@link wrap} made with the same associated data.
   *
   * @throws DecryptionFailed when it was made by another key, for another place, or was altered
   */
  abstract unwrap(wrapped: Buffer, associatedData: Buffer): Promise<Buffer>;
}
