import type { Command } from 'commander';
import { AdminApi, type Page } from './admin-api.js';
import { loadCredentials } from './credentials.js';
import { usageFault } from './failure.js';
import { printableJson } from './printable.js';
import { serverAddress } from './server-address.js';
import { type Column, recordOf, tableOf } from './table.js';

/** What a command reads and writes; a process, or a test. */
export interface Shell {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean };
  /** Version of this program. */
  readonly version: string;
}

/** The options of a command and of those above it, as commander has read them. */
export type Options = Readonly<Record<string, unknown>>;

/** What a command does, given its arguments and options. */
export type Act = (session: Session, args: readonly string[], options: Options) => Promise<void>;

/** One run of a command that asks the server. */
export class Session {
  readonly api: AdminApi;
  readonly isJson: boolean;

  /** @throws CommandFailure 2 when the address of the server is not acceptable */
  constructor(
    readonly shell: Shell,
    options: Options,
  ) {
    const { variables, version } = shell;
    const url =
      textOption(options, 'url') ?? variables['SIGNET_URL'] ?? `http://localhost:${variables['PORT'] || 3000}`;
    const file = textOption(options, 'credentials');
    const credentials = () => loadCredentials(file, variables, (line) => this.tell(line));
    this.isJson = options['json'] === true;
    this.api = new AdminApi(serverAddress(url, options['insecureHttp'] === true), credentials, `signet-cli/${version}`);
  }

  /** Writes to where people look and programs do not. */
  tell(line: string): void {
    this.shell.stderr.write(`${line}\n`);
  }

  /** Writes lines of text. */
  print(lines: readonly string[]): void {
    this.shell.stdout.write(lines.map((line) => `${line}\n`).join(''));
  }

  /** The result of a command: with `--json` the JSON of the API, else the lines of `shown`. */
  answer(value: unknown, shown: (value: Readonly<Record<string, unknown>>) => readonly string[] = recordOf): void {
    this.print(this.isJson ? [printableJson(value)] : shown(value as Readonly<Record<string, unknown>>));
  }

  /** The result of a command for which the API has no words. */
  done(line: string): void {
    if (!this.isJson) this.print([line]);
  }

  /** Lists what there is at `path`, as far as the options `--limit` and `--all` say. */
  async list(
    path: string,
    query: Readonly<Record<string, string | undefined>>,
    options: Options,
    columns: readonly Column<Page['items'][number]>[],
  ): Promise<void> {
    const limit = options['all'] === true ? Number.MAX_SAFE_INTEGER : Number(options['limit']);
    const page = await this.api.list(path, query, limit);
    if (this.isJson) return this.answer(page);
    this.print(page.items.length === 0 ? ['none'] : tableOf(columns, page.items));
    if (page.next_cursor !== null) this.tell('there are more: --limit N, or --all');
  }
}

/** The handler that commander calls: opens a session, acts, and ends the connections however it went. */
export function onServer(shell: Shell, act: Act): (...received: unknown[]) => Promise<void> {
  return async (...received) => {
    const command = received.at(-1) as Command;
    const options = command.optsWithGlobals<Options>();
    const session = new Session(shell, options);
    try {
      await act(session, command.args, options);
    } finally {
      await session.api.close();
    }
  };
}

/** A command that lists, with the options that all of them have. */
export function listCommand(parent: Command, what: string): Command {
  return parent
    .command('list')
    .description(`list ${what}, the newest first`)
    .option('--limit <n>', 'how many at most', positiveInteger('--limit'), 50)
    .option('--all', 'all of them');
}

/** Collects the values of an option that may be given more than once. */
export function collect(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}

/** Reads the value of an option that is a number of things. */
function positiveInteger(option: string): (text: string) => number {
  return (text) => {
    if (!/^[1-9]\d{0,14}$/.test(text)) throw usageFault(`${option}: must be a positive integer`);
    return Number(text);
  };
}

export function textOption(options: Options, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
}

/** A segment of a path. */
export function segment(text: string | undefined): string {
  return encodeURIComponent(text ?? '');
}
