import type { Command } from 'commander';
import { verifyOnServer } from './audit-commands.js';
import { collect, onServer, type Shell, textOption } from './session.js';

/** What works on the database itself, without a server; loaded only when it is asked for. Each ends the process as it must. */
export interface Programs {
  migrate(): Promise<void>;
  rotateKek(): Promise<void>;
  newAdministrator(options: NewAdministratorOptions): Promise<void>;
  /** @param args as `npm run audit:verify` takes them */
  verifyAudit(args: readonly string[]): Promise<void>;
  pruneAudit(): Promise<void>;
  doctor(options: { readonly json: boolean }): Promise<void>;
}

/** What `signet bootstrap --new-admin` was told. */
export interface NewAdministratorOptions {
  readonly clientId: string | undefined;
  readonly secretFile: string | undefined;
  readonly json: boolean;
}

/** The commands for whoever has the configuration of the server at hand: recovery, and finding out what is wrong. */
export function addDatabaseCommands(program: Command, audit: Command, shell: Shell, programs: Programs): void {
  program
    .command('doctor')
    .description('check the configuration, the database, the keys, Redis and what else a server needs')
    .action((_options, command: Command) => programs.doctor({ json: command.optsWithGlobals()['json'] === true }));
  program
    .command('migrate')
    .description('run the migrations that the database lacks')
    .action(() => programs.migrate());
  program
    .command('kek')
    .description('the key that encrypts what is secret in the database')
    .command('rotate')
    .description('replace it, beside running servers (docs/keys.md)')
    .action(() => programs.rotateKek());
  program
    .command('bootstrap')
    .description('let an administrator in again when nobody can log in')
    .requiredOption('--new-admin', 'make another client with admin:full')
    .option('--client-id <id>', 'its identifier; made up, unless given')
    .option('--secret-file <file>', 'where its credentials go (0600), instead of the data directory')
    .action((_options, command: Command) => {
      const options = command.optsWithGlobals();
      const [clientId, secretFile] = [textOption(options, 'clientId'), textOption(options, 'secretFile')];
      return programs.newAdministrator({ clientId, secretFile, json: options['json'] === true });
    });
  addVerify(audit, shell, programs);
  audit
    .command('prune')
    .description('remove what AUDIT_RETENTION_DAYS does not keep, on the database, as the owner of the log')
    .action(() => programs.pruneAudit());
}

function addVerify(audit: Command, shell: Shell, programs: Programs): void {
  audit
    .command('verify')
    .description('whether the log was altered (exit code 2): asks the server; with a file it looks without the server')
    .option('--checkpoint <file>', 'checkpoints that were kept outside the database (repeatable)', collect)
    .option('--export <file>', 'an export of the chain, in place of the database')
    .action(async (options: { checkpoint?: string[]; export?: string }, command: Command) => {
      const { checkpoint = [], export: exportFile } = options;
      if (checkpoint.length === 0 && exportFile === undefined) {
        await onServer(shell, verifyOnServer)(command);
        return;
      }
      await programs.verifyAudit([
        ...checkpoint.flatMap((file) => ['--checkpoint', file]),
        ...(exportFile === undefined ? [] : ['--export', exportFile]),
        ...(command.optsWithGlobals()['json'] === true ? ['--json'] : []),
      ]);
    });
}
