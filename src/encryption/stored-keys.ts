import type { EntityManager } from 'typeorm';
import type { KeyWrapper } from './key-wrapper.js';
import type { KeyWrappers } from './key-wrappers.js';
import { wrongKeyEncryptionKey } from './wrong-key-encryption-key.js';

/**
 * Refuses to go on when the database holds keys of a key-encryption key that this process does not have: a new key beside them
 * would be an outage that nobody asked for.
 *
 * @throws ConfigurationError on `KEY_ENCRYPTION_KEY`
 */
export async function assertWrappedBy(manager: EntityManager, wrappers: KeyWrappers): Promise<void> {
  const used = await manager.query<{ kek_id: string }[]>(
    'SELECT kek_id FROM data_keys UNION SELECT kek_id FROM signing_keys WHERE kek_id IS NOT NULL',
  );
  for (const { kek_id: kekId } of used) await wrapperNamed(wrappers, kekId);
}

/**
 * The key-encryption key that wraps new keys: the one that wraps the root key. So a server that has been given the next one
 * stores nothing that those beside it cannot open, until everything has been wrapped anew.
 *
 * @param tx holds the lock of {@link lockKeyCreation}
 * @throws ConfigurationError on `KEY_ENCRYPTION_KEY` when this process does not have it
 */
export async function wrapperInUse(tx: EntityManager, wrappers: KeyWrappers): Promise<KeyWrapper> {
  const [root] = await tx.query<{ kek_id: string }[]>(`SELECT kek_id FROM data_keys WHERE purpose = 'root'`);
  return root === undefined ? wrappers.preferred : wrapperNamed(wrappers, root.kek_id);
}

async function wrapperNamed(wrappers: KeyWrappers, kekId: string): Promise<KeyWrapper> {
  const wrapper = await wrappers.find(kekId);
  if (wrapper === undefined) throw wrongKeyEncryptionKey('the keys in the database were encrypted with another key');
  return wrapper;
}

/** Whether the database holds anything that a key-encryption key has encrypted. */
export async function hasStoredKeys(manager: EntityManager): Promise<boolean> {
  const rows = await manager.query<unknown[]>('SELECT 1 FROM data_keys UNION ALL SELECT 1 FROM signing_keys LIMIT 1');
  return rows.length > 0;
}

/** Whether any signing key was ever made here, that is, whether the database is in use. */
export async function hasSigningKeys(manager: EntityManager): Promise<boolean> {
  const rows = await manager.query<unknown[]>('SELECT 1 FROM signing_keys LIMIT 1');
  return rows.length > 0;
}

/** Lets one process at a time make or change keys, until its transaction ends; the others then find it done. */
export async function lockKeyCreation(tx: EntityManager): Promise<void> {
  // The holder may be making an RSA key on a busy machine: longer than any statement should take otherwise.
  await tx.query(`SELECT set_config('lock_timeout', '60s', true), set_config('statement_timeout', '60s', true)`);
  await tx.query(`SELECT pg_advisory_xact_lock(hashtext('signet.keys'), 0)`);
}
