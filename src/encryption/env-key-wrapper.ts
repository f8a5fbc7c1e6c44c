import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { open, seal } from './aes-gcm.js';
import { KeyWrapper } from './key-wrapper.js';

const kekLength = 32;

/** Wraps with AES-256-GCM under a key that this process holds: `KEY_ENCRYPTION_KEY`, or the one of the data directory. */
export class EnvKeyWrapper extends KeyWrapper {
  readonly kekId: string;
  readonly #kek: KeyObject;

  /** @param kek 32 bytes; the caller keeps its copy */
  constructor(kek: Buffer) {
    super();
    if (kek.length !== kekLength) throw new RangeError('a key-encryption key has 32 bytes');
    this.#kek = createSecretKey(kek);
    this.kekId = Buffer.from(hkdfSync('sha256', kek, '', 'kek-id-v1', 8)).toString('hex');
  }

  wrap(key: Buffer, associatedData: Buffer): Promise<Buffer> {
    return Promise.resolve(seal(this.#kek, key, associatedData));
  }

  async unwrap(wrapped: Buffer, associatedData: Buffer): Promise<Buffer> {
    return open(this.#kek, wrapped, associatedData);
  }
}
