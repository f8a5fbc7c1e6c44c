import 'reflect-metadata';
import { Audit, AuditChain, auditKeys, AuditPruning, TokenBatches } from './audit/index.js';
import { Progress } from './cli/index.js';
import { SystemClock } from './clock/index.js';
import { runCommand, say } from './command.js';
import { connect, createDataSource } from './database/index.js';
import { DataKeyEntity, openDerivedKeys } from './encryption/index.js';

/**
 * `npm run audit:prune`: removes what `AUDIT_RETENTION_DAYS` does not keep from the audit log, beside running servers or without
 * any, as the role in `DATABASE_URL`: for where the log belongs to another role than that of the servers (docs/audit.md).
 */
await runCommand(async ({ config, postgresUrl, embedded }) => {
  const { retentionDays } = config.audit;
  if (retentionDays === 0) {
    process.stdout.write('nothing to prune: AUDIT_RETENTION_DAYS is 0, so every entry is kept\n');
  } else {
    const progress = new Progress(process.stderr, 'entries verified', false);
    const dataSource = createDataSource(postgresUrl, [DataKeyEntity]);
    await connect(dataSource, () => say('waiting for the database'));
    try {
      const derivedKeys = await openDerivedKeys(config.keys, config.database.dataDir, dataSource);
      const clock = new SystemClock();
      const chain = new AuditChain(derivedKeys);
      const { dropped, foreign } = await new AuditPruning({
        dataSource,
        chain,
        say: (line) => {
          progress.clear();
          say(line);
        },
        verified: (entries) => progress.reached(entries),
        dataDir: config.database.dataDir,
        keys: auditKeys(derivedKeys),
        audit: new Audit(clock, dataSource, chain),
        batches: new TokenBatches(dataSource, chain),
        now: () => clock.now(),
      }).prune(retentionDays);
      if (foreign.length > 0) {
        throw new Error('the role in DATABASE_URL does not own the audit log, and may not prune it (docs/audit.md)');
      }
      process.stdout.write(dropped.length === 0 ? 'nothing to prune\n' : `pruned: ${dropped.join(', ')}\n`);
    } finally {
      progress.clear();
      await dataSource.destroy();
    }
  }
  await embedded?.stop();
});
