import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { CommandFailure, systemCode, usageFault } from './failure.js';
import type { Imported } from './import-draft.js';
import { importHydra } from './import-hydra.js';
import { importKeycloak } from './import-keycloak.js';
import { printable, printableJson } from './printable.js';
import { type Options, type Shell, textOption } from './session.js';

/** Who wrote the export; reads it, or says that it is none. */
const readers: Readonly<Record<string, (root: unknown) => Imported | undefined>> = {
  keycloak: importKeycloak,
  hydra: importHydra,
};

/** `signet import`. */
export function addImportCommand(program: Command, shell: Shell): void {
  program
    .command('import <file>')
    .description('turn clients that another server has exported into a declaration for signet apply; asks no server')
    .requiredOption('--from <server>', `whose export it is: ${Object.keys(readers).join(' or ')}`)
    .option('--out <file>', 'write the declaration there; to the standard output, unless given')
    .option('--dry-run', 'only say what would be in it, and what not')
    .action(async (file: string, _: unknown, command: Command) => run(shell, file, command.optsWithGlobals<Options>()));
}

async function run(shell: Shell, file: string, options: Options): Promise<void> {
  const from = String(options['from']);
  const read = Object.hasOwn(readers, from) ? readers[from] : undefined;
  if (read === undefined) throw usageFault(`--from: must be ${Object.keys(readers).join(' or ')}`);
  const imported = read(jsonOf(file));
  if (imported === undefined) throw new CommandFailure(1, [`${file}: holds no clients as ${from} exports them`]);
  const { declaration, leftOut } = imported;
  const isDry = options['dryRun'] === true;
  const out = isDry ? undefined : textOption(options, 'out');
  const text = stringify(declaration);
  if (out !== undefined) await writeNew(out, text);
  if (options['json'] === true) {
    shell.stdout.write(`${printableJson({ declaration, left_out: leftOut })}\n`);
    return;
  }
  if (out === undefined && !isDry) shell.stdout.write(text);
  const lines = summaryOf(imported, isDry);
  // What is printed beside the declaration must not get into it.
  (out === undefined && !isDry ? shell.stderr : shell.stdout).write(lines.map((line) => `${line}\n`).join(''));
  if (out !== undefined) shell.stdout.write(`The declaration is in ${out}: signet plan -f ${out}\n`);
}

function summaryOf({ declaration: { scopes, clients }, leftOut }: Imported, isDry: boolean): string[] {
  const taken = isDry
    ? [
        ...scopes.map(({ name }) => `+ scope ${printable(String(name))}`),
        ...clients.map(({ client_id: id }) => `+ client ${printable(String(id))}`),
      ]
    : [];
  return [
    ...taken,
    ...leftOut.map(({ of, what, why }) => `- ${printable(of)}: ${printable(what)} (${printable(why)})`),
    `${counted(scopes, 'scope')} and ${counted(clients, 'client')} taken, ${counted(leftOut, 'thing')} left out`,
  ];
}

function counted(things: readonly unknown[], name: string): string {
  return `${things.length} ${name}${things.length === 1 ? '' : 's'}`;
}

function jsonOf(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw usageFault(`${file}: cannot be read (${systemCode(error)})`);
  }
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch {
    throw usageFault(`${file}: is no JSON`);
  }
}

async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx' });
  } catch (error) {
    const code = systemCode(error);
    const reason = code === 'EEXIST' ? 'is there already, and is not overwritten' : `cannot be written (${code})`;
    throw new CommandFailure(1, [`${file}: ${reason}`]);
  }
}
