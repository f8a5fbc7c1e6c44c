import type { DataSource } from 'typeorm';
import type { Config } from '../config/index.js';
import { DecryptionFailed, type KeyWrapper, loadKeyWrappers, wrappedRootKey } from '../encryption/index.js';
import { SigningKeyEntity, wrappedSigningKeys } from '../keys/index.js';
import { duration } from './duration.js';
import { fail, type Finding, info, ok, warn } from './finding.js';

const dayMs = 86_400_000;

/** A server looks after its keys every minute; what has not happened by then does not happen by itself. */
const overdueMs = 10 * 60_000;

const kekCheck = 'key-encryption key';

/**
 * Whether everything that is encrypted in the database opens with the key-encryption key of this configuration.
 *
 * @throws ConfigurationError when that key is missing or its file is no good
 */
export async function encryptionFinding(dataSource: DataSource, { keys, database }: Config): Promise<Finding> {
  const used = await dataSource.query<{ kek_id: string }[]>(
    'SELECT kek_id FROM data_keys UNION SELECT kek_id FROM signing_keys WHERE kek_id IS NOT NULL',
  );
  if (used.length === 0) return info(kekCheck, 'the database holds nothing encrypted yet');
  const wrappers = await loadKeyWrappers(keys, database.dataDir, () => Promise.resolve(true));
  const found = await Promise.all(used.map(({ kek_id: kekId }) => wrappers.find(kekId)));
  const [wrapper] = found;
  if (wrapper === undefined || found.includes(undefined)) {
    return fail(
      kekCheck,
      'the database was encrypted with another key',
      'Give the server the KEY_ENCRYPTION_KEY that belongs to this database; without it the signing keys are lost.',
    );
  }
  if (found.length > 1 || wrapper.kekId !== wrappers.preferred.kekId) {
    return warn(kekCheck, 'the old key is still needed', 'Run signet kek rotate, which finishes the exchange.');
  }
  return (await opens(dataSource, wrapper))
    ? ok(kekCheck, 'opens the root key and every signing key')
    : fail(kekCheck, 'a stored key does not open: it was altered', 'Restore data_keys and signing_keys from a backup.');
}

async function opens(dataSource: DataSource, wrapper: KeyWrapper): Promise<boolean> {
  try {
    for (const keys of [wrappedRootKey, wrappedSigningKeys]) await keys.verify(dataSource.manager, wrapper);
    return true;
  } catch (error) {
    if (error instanceof DecryptionFailed) return false;
    throw error;
  }
}

/** Whether there is a key to sign with, and whether the keys live as they should. */
export async function signingKeyFinding(dataSource: DataSource, { keys }: Config, now: number): Promise<Finding> {
  const stored = await dataSource.getRepository(SigningKeyEntity).find({
    select: { kid: true, alg: true, status: true, activatesAt: true, activatedAt: true, expiresAt: true },
  });
  if (stored.length === 0) return info('signing keys', 'none yet', 'Start the server: it makes the first one.');
  return judgeSigningKeys(stored, keys, now);
}

type Key = Pick<SigningKeyEntity, 'kid' | 'alg' | 'status' | 'activatesAt' | 'activatedAt' | 'expiresAt'>;

/** @param now milliseconds since the epoch */
export function judgeSigningKeys(
  stored: readonly Key[],
  { signingAlg, rotationDays }: Pick<Config['keys'], 'signingAlg' | 'rotationDays'>,
  now: number,
): Finding {
  const check = 'signing keys';
  const active = stored.find(({ status, alg }) => status === 'active' && alg === signingAlg);
  if (active === undefined) {
    return stored.some(({ status }) => status === 'active')
      ? warn(check, `none signs with ${signingAlg} yet`, 'Keep the server running: it publishes one and takes it over.')
      : fail(check, 'none is active: no token can be signed', 'Start the server, which makes one; or rotate the keys.');
  }
  const overdue = stored.filter((key) => isOverdue(key, now));
  const age = now - (active.activatedAt?.getTime() ?? now);
  const message = `${active.kid} (${active.alg}) signs since ${duration(age)}`;
  if (overdue.length > 0 || (rotationDays > 0 && age > (rotationDays + 1) * dayMs)) {
    const late =
      overdue.length > 0 ? `, but ${overdue.map(({ kid, status }) => `${kid} is still ${status}`).join(', ')}` : '';
    const advice =
      'Keep a server running: it rotates the keys; if one is, look in its log why its scheduled jobs fail.';
    return warn(check, `${message}${late || `, longer than the ${rotationDays} days of KEY_ROTATION_DAYS`}`, advice);
  }
  const pending = stored.filter(({ status }) => status === 'pending').length;
  return ok(check, pending === 0 ? message : `${message}, and its successor is published`);
}

function isOverdue({ status, activatesAt, expiresAt }: Key, now: number): boolean {
  const due = status === 'pending' ? activatesAt : status === 'retiring' ? expiresAt : null;
  return due !== null && due.getTime() < now - overdueMs;
}
