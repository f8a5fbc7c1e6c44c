import { Command, CommanderError } from 'commander';
import { addApplyCommands } from './apply-commands.js';
import { addAuditCommands } from './audit-commands.js';
import { addClientCommands } from './client-commands.js';
import { addDatabaseCommands, type Programs } from './database-commands.js';
import { addEventCommands } from './event-commands.js';
import { CommandFailure, type ExitCode } from './failure.js';
import { addImportCommand } from './import-commands.js';
import { addKeyCommands } from './key-commands.js';
import { printable } from './printable.js';
import { addScopeCommands } from './scope-commands.js';
import { addSecretCommands } from './secret-commands.js';
import type { Shell } from './session.js';
import { addStatisticsCommand } from './statistics-commands.js';
import { addTokenCommands } from './token-commands.js';

const footer = `
Credentials: SIGNET_CLIENT_ID and SIGNET_CLIENT_SECRET, or --credentials; else data/bootstrap-client.json.
Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 the server cannot be reached, 4 not authenticated or forbidden.`;

/**
 * Runs one command.
 *
 * @param args what stands behind the name of the program
 * @returns the exit code; a program of `programs` may have ended the process before
 */
export async function runCommandLine(args: readonly string[], shell: Shell, programs: Programs): Promise<ExitCode> {
  try {
    await commandLine(shell, programs).parseAsync(thumbprintsLast(args), { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    const failure = error instanceof CommandFailure ? error : unexpected(error);
    for (const line of failure.lines) shell.stderr.write(`signet: ${line}\n`);
    return failure.exitCode;
  }
}

/** An RFC 7638 thumbprint, which a key is named by, begins with a hyphen once in 64 times. */
const hyphenatedThumbprint = /^-[\w-]{42}$/;

/** Such thumbprints behind `--`, where they are not taken for options. */
function thumbprintsLast(args: readonly string[]): string[] {
  const thumbprints = args.filter((arg) => hyphenatedThumbprint.test(arg));
  if (thumbprints.length === 0 || args.includes('--')) return [...args];
  return [...args.filter((arg) => !thumbprints.includes(arg)), '--', ...thumbprints];
}

/** A fault of this program; its message is enough to find it. */
function unexpected(error: unknown): CommandFailure {
  return new CommandFailure(1, [`failed: ${printable(error instanceof Error ? error.message : 'unknown')}`]);
}

function commandLine(shell: Shell, programs: Programs): Command {
  const program = new Command('signet')
    .description('Operates a Signet server: over its admin API, and on its database where that is needed.')
    .version(shell.version)
    .option('--url <url>', 'the server; SIGNET_URL, unless given (default: http://localhost:3000)')
    .option('--credentials <file>', 'JSON with client_id and client_secret')
    .option('--json', 'print the JSON of the API and nothing else')
    .option('--insecure-http', 'send credentials over http to another machine')
    .addHelpText('after', footer)
    .configureHelp({ showGlobalOptions: true })
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => shell.stdout.write(text),
      writeErr: (text) => shell.stderr.write(text),
      // What was typed behind an option that there is not may be a secret.
      outputError: (text, write) => write(text.replaceAll(/(--?[\w-]+)=[^']*'/g, "$1'")),
    });
  addClientCommands(program, shell);
  addSecretCommands(program, shell);
  addScopeCommands(program, shell);
  addKeyCommands(program, shell);
  addTokenCommands(program, shell);
  addEventCommands(program, shell);
  addStatisticsCommand(program, shell);
  const audit = addAuditCommands(program, shell);
  addApplyCommands(program, shell);
  addImportCommand(program, shell);
  addDatabaseCommands(program, audit, shell, programs);
  return program;
}
