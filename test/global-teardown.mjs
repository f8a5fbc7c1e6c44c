import { rmSync } from 'node:fs';

import { run } from './global-setup.mjs';

export default async function tearDown() {
  if (run.postgres === undefined) return;
  await run.postgres.stop();
  rmSync(run.directory, { recursive: true, force: true });
  delete process.env.SIGNET_TEST_POSTGRES_URL;
}
