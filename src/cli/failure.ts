/** How a command ends (docs/cli.md): 0 done, 1 refused or failed, 2 wrongly called, 3 no server there, 4 not let in. */
export type ExitCode = 0 | 1 | 2 | 3 | 4;

/** A command ends without having done its work; each line is one fault, to be shown as it is. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';

  constructor(
    readonly exitCode: Exclude<ExitCode, 0>,
    readonly lines: readonly string[],
  ) {
    super(lines.join('; '));
  }
}

/** The command line is wrong. */
export function usageFault(line: string): CommandFailure {
  return new CommandFailure(2, [line]);
}

/** The code that the system gave to an error, such as `ENOENT`; empty without one. */
export function systemCode(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}
