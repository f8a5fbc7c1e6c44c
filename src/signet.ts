import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommandLine } from './cli/index.js';

/** Of the package that this file was built in. */
function version(): string {
  const file = join(import.meta.dirname, '..', '..', 'package.json');
  const { version } = (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}) as { version?: string };
  return version ?? 'unknown';
}

// Whoever reads our output may stop reading, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

// The same file that the server reads; a variable that is set wins.
if (existsSync('.env')) process.loadEnvFile('.env');

const code = await runCommandLine(
  process.argv.slice(2),
  { variables: process.env, stdout: process.stdout, stderr: process.stderr, version: version() },
  {
    // What needs the application is loaded when it is asked for: the others start at once.
    migrate: async () => void (await import('./migrate.js')),
    rotateKek: async () => void (await import('./kek-rotate.js')),
    newAdministrator: async (options) => (await import('./new-administrator.js')).newAdministrator(options),
    doctor: async (options) => (await import('./doctor.js')).doctor(options),
    verifyAudit: async (args) => {
      process.argv = [...process.argv.slice(0, 2), ...args];
      await import('./audit-verify.js');
    },
    pruneAudit: async () => void (await import('./audit-prune.js')),
  },
);
// A program may have said so before.
if (code !== 0) process.exitCode = code;
