import { readFileSync } from 'node:fs';
import { parse, YAMLParseError } from 'yaml';
import { systemCode, usageFault } from './failure.js';

type Members = Readonly<Record<string, unknown>>;

/** What a server should have, as a file says it (docs/cli.md). */
export interface Declaration {
  readonly scopes: readonly DeclaredScope[];
  readonly clients: readonly DeclaredClient[];
}

/** A scope; without a description the one that it has is left alone. */
export interface DeclaredScope {
  readonly name: string;
  readonly description?: string;
}

/** A client, by the members of the API; those that are not named are left alone. */
export interface DeclaredClient {
  readonly clientId: string;
  readonly members: Members;
}

/**
 * Reads a declaration.
 *
 * @param file YAML or JSON; `-` is the standard input
 * @throws CommandFailure 2 with the place of the fault
 */
export function readDeclaration(file: string): Declaration {
  return parseDeclaration(read(file), file);
}

/**
 * The declaration in `text`, strictly: unknown members and double entries are faults.
 *
 * @param file its name, for messages
 * @throws CommandFailure 2
 */
export function parseDeclaration(text: string, file: string): Declaration {
  const root = membersOf(parsed(text, file) ?? {}, file);
  const stray = Object.keys(root).find((name) => name !== 'scopes' && name !== 'clients');
  if (stray !== undefined) throw usageFault(`${file}: /${stray}: is not known; there are scopes and clients`);
  const scopes = itemsOf(root['scopes'], `${file}: /scopes`).map((item, index) =>
    scopeOf(item, `${file}: /scopes/${index}`),
  );
  const clients = itemsOf(root['clients'], `${file}: /clients`).map((item, index) =>
    clientOf(item, `${file}: /clients/${index}`),
  );
  refuseDoubles(
    scopes.map(({ name }) => name),
    `${file}: /scopes`,
  );
  refuseDoubles(
    clients.map(({ clientId }) => clientId),
    `${file}: /clients`,
  );
  return { scopes, clients };
}

function read(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw usageFault(`${file}: cannot be read (${systemCode(error)})`);
  }
}

function parsed(text: string, file: string): unknown {
  try {
    return parse(text, { strict: true, uniqueKeys: true, maxAliasCount: 0, prettyErrors: true });
  } catch (error) {
    const at = error instanceof YAMLParseError && error.linePos ? ` at line ${error.linePos[0].line}` : '';
    throw usageFault(`${file}: is no YAML${at}`);
  }
}

function scopeOf(item: unknown, place: string): DeclaredScope {
  const { name, description, ...others } = membersOf(item, place);
  refuseOthers(others, place);
  if (typeof name !== 'string') throw usageFault(`${place}/name: is required`);
  if (description === undefined) return { name };
  if (typeof description !== 'string') throw usageFault(`${place}/description: must be text`);
  return { name, description };
}

function clientOf(item: unknown, place: string): DeclaredClient {
  const { client_id: clientId, ...members } = membersOf(item, place);
  if (typeof clientId !== 'string') throw usageFault(`${place}/client_id: is required`);
  if ('client_secret' in members)
    throw usageFault(`${place}/client_secret: secrets do not belong in a file; they are generated`);
  return { clientId, members };
}

function refuseOthers(others: Members, place: string): void {
  const [stray] = Object.keys(others);
  if (stray !== undefined) throw usageFault(`${place}/${stray}: is not known`);
}

function refuseDoubles(names: readonly string[], place: string): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw usageFault(`${place}: ${twice} is there twice`);
}

function membersOf(value: unknown, place: string): Members {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Members;
  throw usageFault(`${place}: must be a mapping`);
}

function itemsOf(value: unknown, place: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return value;
  throw usageFault(`${place}: must be a list`);
}
