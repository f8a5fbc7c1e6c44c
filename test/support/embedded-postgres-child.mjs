// A process that uses the embedded PostgreSQL, for tests that kill it. Arguments: the data directory, and as whom to run.
// Writes one line of JSON per event; stops at the word "stop" on its standard input.
import { createInterface } from 'node:readline';

import { startEmbeddedPostgres } from './embedded/index.js';

const [dataDir, uid] = process.argv.slice(2);
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

if (uid !== undefined) {
  process.setgroups([]);
  process.setgid(Number(uid));
  process.setuid(Number(uid));
}
try {
  const postgres = await startEmbeddedPostgres({
    dataDir,
    log: (line) => say({ log: line }),
    settings: { fsync: 'off' },
  });
  say({ url: postgres.url });
  for await (const line of createInterface({ input: process.stdin })) if (line === 'stop') break;
  await postgres.stop();
  process.exit(0);
} catch (error) {
  say({ error: error.message, name: error.name });
  process.exit(1);
}
