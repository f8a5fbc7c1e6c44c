import { spawn } from 'node:child_process';

import type { Account } from './account.js';
import { reasonOf } from './embedded-postgres-error.js';

/** How a command ended: its exit code (null when it was killed or could not be run), and stdout and stderr as they came. */
export interface CommandResult {
  readonly code: number | null;
  readonly output: string;
}

/** What a command may be given beyond its arguments. */
export interface CommandOptions {
  /** Run as this account; as ourselves when absent. */
  readonly account?: Account | undefined;
  /** Written to its standard input. */
  readonly input?: string;
  /** An open file that the command finds as descriptor 4. */
  readonly descriptor?: number | undefined;
}

/**
 * The environment and place of every process started here. Nothing of ours is handed on: the environment holds secrets,
 * and PostgreSQL may run as an account that is shared with others. The root directory is one that everybody can enter.
 */
export function processOptions(account: Account | undefined): {
  cwd: string;
  env: Record<string, string>;
  uid?: number;
  gid?: number;
} {
  return { cwd: '/', env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' }, ...account };
}

/** Runs a command to its end. Never throws: one that cannot be run has the code null and the reason as its output. */
export function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      ...processOptions(options.account),
      stdio: ['pipe', 'pipe', 'pipe', 'ignore', options.descriptor ?? 'ignore'],
    });
    let output = '';
    const collect = (chunk: Buffer): void => {
      output += chunk.toString('utf8');
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    child.on('error', (error) => resolve({ code: null, output: reasonOf(error) }));
    child.on('close', (code) => resolve({ code, output }));
    // A command that ends without reading its input is judged by its exit code, not by the broken pipe.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(options.input ?? '');
  });
}
