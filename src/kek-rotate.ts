import 'reflect-metadata';
import type { DataSource } from 'typeorm';
import { Audit, AuditChain } from './audit/index.js';
import { SystemClock } from './clock/index.js';
import { runCommand, say } from './command.js';
import { connect, createDataSource, ensurePartitions } from './database/index.js';
import {
  DataKeyEntity,
  exchangeKeyEncryptionKey,
  openDerivedKeys,
  prepareKeyExchange,
  wrappedRootKey,
} from './encryption/index.js';
import { SigningKeyEntity, wrappedSigningKeys } from './keys/index.js';

const kinds = [wrappedRootKey, wrappedSigningKeys];

async function hasTables(dataSource: DataSource): Promise<boolean> {
  const [row] = await dataSource.query<{ found: boolean }[]>(`SELECT to_regclass('data_keys') IS NOT NULL AS found`);
  return row?.found === true;
}

function report(count: number, isConfigured: boolean): void {
  const keys = count === 1 ? '1 key' : `${count} keys`;
  const done = count === 0 ? 'nothing to encrypt anew: every key' : `${keys} encrypted anew; every key`;
  const next = isConfigured ? '; KEY_ENCRYPTION_KEY_PREVIOUS is no longer needed' : '; the old one is gone';
  process.stdout.write(`${done} opens with the new key-encryption key alone${next}\n`);
}

/**
 * `npm run kek:rotate`: replaces the key-encryption key, beside running servers that have both keys or share the data
 * directory. Interrupted anywhere it can be run again.
 */
await runCommand(async ({ config, postgresUrl, embedded }) => {
  const dataSource = createDataSource(postgresUrl, [DataKeyEntity, SigningKeyEntity]);
  await connect(dataSource, () => say('waiting for the database'));
  try {
    const exchange = (await hasTables(dataSource))
      ? await prepareKeyExchange(config.keys, config.database.dataDir, dataSource)
      : undefined;
    if (exchange === undefined) {
      process.stdout.write('nothing to encrypt anew: the database holds no keys\n');
    } else {
      const { from, to } = exchange;
      const count = await exchangeKeyEncryptionKey(dataSource, kinds, exchange, async (tx, keys) => {
        // No server may have run this month.
        await ensurePartitions(dataSource, 'audit_log', 'month', new Date(), 0);
        // On a connection of its own, to which the keys are still as they were.
        const derivedKeys = await openDerivedKeys(config.keys, config.database.dataDir, dataSource);
        const audit = new Audit(new SystemClock(), dataSource, new AuditChain(derivedKeys));
        const details = { keys, previous_kek_id: from?.kekId };
        await audit.record(tx, { action: 'kek.rotated', targetType: 'key', targetId: to.kekId, details });
      });
      await exchange.complete();
      report(count, config.keys.keyEncryptionKey !== undefined);
    }
  } finally {
    await dataSource.destroy();
  }
  await embedded?.stop();
});
