import 'reflect-metadata';
import { makeAuditPartitions } from './audit/index.js';
import { runCommand, say } from './command.js';
import { connect, createDataSource, migrate } from './database/index.js';

/**
 * `npm run migrate`: runs the migrations that the database still lacks, as a step of its own before a new version starts, and
 * makes the coming partitions of the audit log, whose owner need not be the role of the server.
 */
await runCommand(async ({ postgresUrl, embedded }) => {
  const dataSource = createDataSource(postgresUrl);
  await connect(dataSource, () => say('waiting for the database'));
  try {
    const names = await migrate(dataSource);
    await makeAuditPartitions(dataSource, new Date());
    for (const name of names) process.stdout.write(`migrated: ${name}\n`);
    if (names.length === 0) process.stdout.write('nothing to migrate\n');
  } finally {
    await dataSource.destroy();
  }
  await embedded?.stop();
});
