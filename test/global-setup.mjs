// One PostgreSQL for the whole run. Should the run be killed, PostgreSQL ends with it, and the next run clears up.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { compileEmbedded } from './support/compile-embedded.mjs';

const PREFIX = 'signet-jest-';

/** What global-teardown.mjs ends. */
export const run = { directory: undefined, postgres: undefined };

export default async function setUp() {
  if (process.env.SIGNET_TEST_POSTGRES_URL) return;
  removeLeftovers();
  run.directory = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
  const { startEmbeddedPostgres } = await import(pathToFileURL(compileEmbedded(run.directory)).href);
  run.postgres = await startEmbeddedPostgres({
    dataDir: join(run.directory, 'data'),
    log: () => undefined,
    // Nothing here outlives the run.
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', max_connections: '200' },
  });
  process.env.SIGNET_TEST_POSTGRES_URL = run.postgres.url;
}

function removeLeftovers() {
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(PREFIX)) continue;
    try {
      process.kill(Number(name.slice(PREFIX.length).split('-')[0]), 0);
    } catch (error) {
      if (error.code === 'ESRCH') rmSync(join(tmpdir(), name), { recursive: true, force: true });
    }
  }
}
