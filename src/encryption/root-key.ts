import { randomBytes } from 'node:crypto';
import type { DataSource, EntityManager } from 'typeorm';
import { inTransaction } from '../database/index.js';
import { DataKeyEntity } from './data-key.entity.js';
import { DecryptionFailed } from './decryption-failed.js';
import { associatedData } from './envelope.js';
import type { KeyWrapper } from './key-wrapper.js';
import { assertWrappedBy, hasSigningKeys, lockKeyCreation, wrongKeyEncryptionKey } from './stored-keys.js';

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
export function loadRootKey(dataSource: DataSource, wrapper: KeyWrapper): Promise<Buffer> {
  return inTransaction(dataSource, async (tx) => {
    await assertWrappedBy(tx, wrapper.kekId);
    const stored = await find(tx);
    if (stored !== null) return unwrap(wrapper, stored);
    await lockKeyCreation(tx);
    await assertWrappedBy(tx, wrapper.kekId);
    const madeMeanwhile = await find(tx);
    return madeMeanwhile === null ? create(tx, wrapper) : unwrap(wrapper, madeMeanwhile);
  });
}

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

async function unwrap(wrapper: KeyWrapper, { wrapped }: DataKeyEntity): Promise<Buffer> {
  try {
    return await wrapper.unwrap(wrapped, place);
  } catch (error) {
    if (error instanceof DecryptionFailed)
      throw wrongKeyEncryptionKey('the root key in the database does not open with it');
    throw error;
  }
}
