import type { EntityManager } from 'typeorm';
import { ConfigurationError } from '../config/index.js';

/**
 * Refuses to go on when the database holds keys of another key-encryption key: a new key beside them would be an outage that
 * nobody asked for.
 *
 * @throws ConfigurationError on `KEY_ENCRYPTION_KEY`
 */
export async function assertWrappedBy(manager: EntityManager, kekId: string): Promise<void> {
  const foreign = await manager.query<unknown[]>(
    `SELECT 1 FROM data_keys WHERE kek_id <> $1 UNION ALL SELECT 1 FROM signing_keys WHERE kek_id <> $1 LIMIT 1`,
    [kekId],
  );
  if (foreign.length > 0) throw wrongKeyEncryptionKey('the keys in the database were encrypted with another key');
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

/** Lets one process at a time make keys, until its transaction ends; the others then find them made. */
export async function lockKeyCreation(tx: EntityManager): Promise<void> {
  // The holder may be making an RSA key on a busy machine: longer than any statement should take otherwise.
  await tx.query(`SELECT set_config('lock_timeout', '60s', true), set_config('statement_timeout', '60s', true)`);
  await tx.query(`SELECT pg_advisory_xact_lock(hashtext('signet.keys'), 0)`);
}

/** The fault that stops the start when stored keys do not open. Names the variable, never a value. */
export function wrongKeyEncryptionKey(message: string): ConfigurationError {
  return new ConfigurationError([{ variable: 'KEY_ENCRYPTION_KEY', message }]);
}
