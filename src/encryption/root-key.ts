import { randomBytes } from 'node:crypto';
import type { DataSource, EntityManager } from 'typeorm';
import { inTransaction, unhurried } from '../database/index.js';
import { DataKeyEntity } from './data-key.entity.js';
import { DecryptionFailed } from './decryption-failed.js';
import { associatedData } from './envelope.js';
import type { KeyWrapper } from './key-wrapper.js';
import type { KeyWrappers } from './key-wrappers.js';
import { assertWrappedBy, hasSigningKeys, lockKeyCreation } from './stored-keys.js';
import type { WrappedKeys } from './wrapped-keys.js';
import { wrongKeyEncryptionKey } from './wrong-key-encryption-key.js';

const purpose = 'root';
const place = associatedData({ table: 'data_keys', id: purpose, alg: 'HKDF-SHA-256', purpose });

/**
 * The root key of this database, from which all others are derived. Made at the first start; any number of processes that
 * start at once agree on one.
 *
 * @returns 32 bytes; the caller overwrites them
 * @throws ConfigurationError on `KEY_ENCRYPTION_KEY` when the stored keys do not open with it; nothing is changed then
 * @throws DatabaseUnavailable
 */
export function loadRootKey(dataSource: DataSource, wrappers: KeyWrappers): Promise<Buffer> {
  return inTransaction(
    dataSource,
    async (tx) => {
      await assertWrappedBy(tx, wrappers);
      const stored = await find(tx);
      if (stored !== null) return unwrap(wrappers, stored);
      await lockKeyCreation(tx);
      await assertWrappedBy(tx, wrappers);
      const madeMeanwhile = await find(tx);
      return madeMeanwhile === null ? create(tx, wrappers.preferred) : unwrap(wrappers, madeMeanwhile);
    },
    unhurried,
  );
}

/** The root key as one of those that a key-encryption key wraps. */
export const wrappedRootKey: WrappedKeys = {
  async rewrap(tx, from, to) {
    const stored = await find(tx);
    if (stored === null || stored.kekId === to.kekId) return 0;
    if (stored.kekId !== from?.kekId) throw new DecryptionFailed();
    const rootKey = await from.unwrap(stored.wrapped, place);
    try {
      await tx.update(DataKeyEntity, { purpose }, { kekId: to.kekId, wrapped: await to.wrap(rootKey, place) });
    } finally {
      rootKey.fill(0);
    }
    return 1;
  },

  async verify(tx, wrapper) {
    const stored = await find(tx);
    if (stored === null) return;
    if (stored.kekId !== wrapper.kekId) throw new DecryptionFailed();
    (await wrapper.unwrap(stored.wrapped, place)).fill(0);
  },
};

function find(tx: EntityManager): Promise<DataKeyEntity | null> {
  return tx.findOneBy(DataKeyEntity, { purpose });
}

async function create(tx: EntityManager, wrapper: KeyWrapper): Promise<Buffer> {
  if (await hasSigningKeys(tx)) {
    throw wrongKeyEncryptionKey(
      'the root key that belongs to it is missing from the database; restore the table data_keys',
    );
  }
  const rootKey = randomBytes(32);
  await tx.insert(DataKeyEntity, { purpose, kekId: wrapper.kekId, wrapped: await wrapper.wrap(rootKey, place) });
  return rootKey;
}

async function unwrap(wrappers: KeyWrappers, { kekId, wrapped }: DataKeyEntity): Promise<Buffer> {
  try {
    const wrapper = await wrappers.find(kekId);
    if (wrapper === undefined) throw new DecryptionFailed();
    return await wrapper.unwrap(wrapped, place);
  } catch (error) {
    if (error instanceof DecryptionFailed)
      throw wrongKeyEncryptionKey('the root key in the database does not open with it');
    throw error;
  }
}
