import type { ServerBuild } from './server-process.js';

/** How a command ended, and what it wrote. */
export interface CommandOutcome {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `signet` as a process of its own, and waits for its end. */
export async function runSignet(
  build: ServerBuild,
  args: readonly string[],
  surroundings: { readonly env: Readonly<Record<string, string>>; readonly cwd: string },
): Promise<CommandOutcome> {
  const command = build.start({ ...surroundings, program: 'signet', args });
  const code = await command.exited;
  return { code, stdout: command.stdout, stderr: command.stderr };
}
