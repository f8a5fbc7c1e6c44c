import { readFileSync } from 'node:fs';
import { parse, YAMLParseError } from 'yaml';
import { systemCode, usageFault } from './failure.js';

type Members = Readonly<Record<string, unknown>>;

/** What a server should have, as a file says it (docs/cli.md). */
export interface Declaration {
  readonly scopes: readonly DeclaredScope[];
  readonly clients: readonly DeclaredClient[];
  readonly subscriptions: readonly DeclaredSubscription[];
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

/** A subscription, known by its name; members that are not named are left alone. */
export interface DeclaredSubscription {
  readonly name: string;
  readonly members: Members;
}

/**
 * Reads the members of one thing.
 *
 * @param file YAML or JSON; `-` is the standard input
 * @throws CommandFailure 2
 */
export function readMembers(file: string): Members {
  return membersOf(parsed(read(file), file), file);
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
  const { scopes, clients, subscriptions, ...others } = root;
  const [stray] = Object.keys(others);
  if (stray !== undefined) {
    throw usageFault(`${file}: /${stray}: is not known; there are scopes, clients and subscriptions`);
  }
  return {
    scopes: distinct(itemsOf(scopes, `${file}: /scopes`, scopeOf), ({ name }) => name, `${file}: /scopes`),
    clients: distinct(itemsOf(clients, `${file}: /clients`, clientOf), ({ clientId }) => clientId, `${file}: /clients`),
    subscriptions: distinct(
      itemsOf(subscriptions, `${file}: /subscriptions`, subscriptionOf),
      ({ name }) => name,
      `${file}: /subscriptions`,
    ),
  };
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

function subscriptionOf(item: unknown, place: string): DeclaredSubscription {
  const { name, ...members } = membersOf(item, place);
  if (typeof name !== 'string') throw usageFault(`${place}/name: is required`);
  if ('signing_secret' in members) {
    throw usageFault(`${place}/signing_secret: secrets do not belong in a file; they are generated`);
  }
  return { name, members };
}

function refuseOthers(others: Members, place: string): void {
  const [stray] = Object.keys(others);
  if (stray !== undefined) throw usageFault(`${place}/${stray}: is not known`);
}

function distinct<Item>(items: readonly Item[], nameOf: (item: Item) => string, place: string): readonly Item[] {
  const names = items.map(nameOf);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw usageFault(`${place}: ${twice} is there twice`);
  return items;
}

function membersOf(value: unknown, place: string): Members {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Members;
  throw usageFault(`${place}: must be a mapping`);
}

function itemsOf<Item>(value: unknown, place: string, itemOf: (item: unknown, place: string) => Item): readonly Item[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw usageFault(`${place}: must be a list`);
  return value.map((item, index) => itemOf(item, `${place}/${index}`));
}
