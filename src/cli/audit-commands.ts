import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { CommandFailure, systemCode, usageFault } from './failure.js';
import { Progress } from './progress.js';
import { PrivateFile } from './secret-file.js';
import { listCommand, onServer, type Options, type Session, type Shell, textOption } from './session.js';

const path = '/admin/oauth/audit-logs';
const lineFeed = 10;

/** `signet audit`; `verify` is added where it is decided what it verifies. */
export function addAuditCommands(program: Command, shell: Shell): Command {
  const audit = program.command('audit').description('who did what');
  withFilters(listCommand(audit, 'entries')).action(
    onServer(shell, (session, _, options) =>
      session.list(path, filters(options), options, [
        { heading: 'OCCURRED', of: (entry) => entry['occurred_at'] },
        { heading: 'ACTION', of: (entry) => entry['action'] },
        { heading: 'RESULT', of: (entry) => (entry['success'] === true ? 'ok' : entry['error']) },
        { heading: 'ACTOR', of: (entry) => entry['actor_client_id'] },
        { heading: 'TARGET', of: (entry) => targetOf(entry) },
        { heading: 'IP_ADDRESS', of: (entry) => entry['ip_address'] },
      ]),
    ),
  );
  withFilters(audit.command('export').description('write entries out, as NDJSON or CSV'))
    .option('--format <format>', 'ndjson or csv', 'ndjson')
    .option('--chain', 'with what signet audit verify --export needs (ndjson, without filters)')
    .option('--output <file>', 'a new file (0600) instead of the standard output')
    .action(onServer(shell, (session, _, options) => exportEntries(session, options)));
  return audit;
}

/** `GET …/verify`: the chain as the server itself sees it. Fails when it is broken. */
export async function verifyOnServer(session: Session): Promise<void> {
  const answer = (await session.api.send('GET', `${path}/verify`, undefined, true)) as Readonly<
    Record<string, unknown>
  >;
  session.answer(answer);
  // As the check without the server ends.
  if (answer['intact'] !== true) throw new CommandFailure(2, ['the audit log was altered']);
}

function withFilters(command: Command): Command {
  return command
    .option('--client <client_id>', 'by or about a client')
    .option('--action <action>', 'such as client.created')
    .option('--success', 'what was done')
    .option('--failure', 'what was refused')
    .option('--from <time>', 'RFC 3339, inclusive')
    .option('--to <time>', 'RFC 3339, exclusive');
}

function filters(options: Options): Readonly<Record<string, string | undefined>> {
  const { success, failure } = options;
  if (success === true && failure === true) throw usageFault('--success and --failure exclude each other');
  return {
    client_id: textOption(options, 'client'),
    action: textOption(options, 'action'),
    success: success === true ? 'true' : failure === true ? 'false' : undefined,
    from: textOption(options, 'from'),
    to: textOption(options, 'to'),
  };
}

function targetOf({ target_type: type, target_id: id }: Readonly<Record<string, unknown>>): string | null {
  return typeof type === 'string' ? [type, id].filter((part) => typeof part === 'string').join(' ') : null;
}

async function exportEntries(session: Session, options: Options): Promise<void> {
  const format = textOption(options, 'format');
  if (format !== 'ndjson' && format !== 'csv') throw usageFault('--format: must be ndjson or csv');
  const output = textOption(options, 'output');
  const file = output === undefined ? undefined : await PrivateFile.create(output);
  try {
    const query = { ...filters(options), format, chain: options['chain'] === true ? 'true' : undefined };
    const body = await session.api.download(`${path}/export`, query);
    await copy(session, body, file?.handle.createWriteStream() ?? session.shell.stdout, file === undefined);
  } catch (error) {
    await file?.discard();
    throw error;
  }
}

/** Copies at the pace of the slower end, telling people how far it is. */
async function copy(session: Session, body: Readable, target: NodeJS.WritableStream, isStdout: boolean): Promise<void> {
  const progress = new Progress(session.shell.stderr, 'lines', session.isJson);
  try {
    await pipeline(body, lineCounter(progress), target, { end: !isStdout });
    progress.done();
  } catch (error) {
    // Whoever reads has enough, as `head` does.
    if (isStdout && systemCode(error) === 'EPIPE') return;
    if (error instanceof CommandFailure) throw error;
    throw new CommandFailure(1, [`the export is not complete (${systemCode(error) || 'the connection ended'})`]);
  }
}

/** Counts the lines that pass. */
function lineCounter(progress: Progress): Transform {
  let lines = 0;
  return new Transform({
    transform: (chunk: Buffer, _, pass) => {
      for (let at = chunk.indexOf(lineFeed); at >= 0; at = chunk.indexOf(lineFeed, at + 1)) lines += 1;
      progress.reached(lines);
      pass(null, chunk);
    },
  });
}
