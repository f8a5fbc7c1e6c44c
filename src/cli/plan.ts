import { isDeepStrictEqual } from 'node:util';
import type { Declaration, DeclaredClient, DeclaredScope, DeclaredSubscription } from './declaration.js';
import { CommandFailure } from './failure.js';
import { printable } from './printable.js';

type Members = Readonly<Record<string, unknown>>;

/** What the server has, as its API shows it. */
export interface Present {
  readonly scopes: readonly Members[];
  readonly clients: readonly Members[];
  readonly subscriptions: readonly Members[];
}

/** One step from what is there to what was declared. */
export interface Change {
  /** `extra`: it is there and was not declared; nothing is done about it. */
  readonly action: 'create' | 'update' | 'extra';
  readonly kind: 'scope' | 'client' | 'subscription';
  readonly name: string;
  /** What the API knows it by, where that is not its name. */
  readonly id?: string;
  /** What to send: everything for `create`, a merge patch (RFC 7396) for `update`. */
  readonly members: Members;
  /** What the members of `update` are now. */
  readonly before: Members;
}

/** Members of the API that nobody sets. */
const readOnly = new Set(['client_id', 'client_secret', 'secrets', 'created_at', 'updated_at', 'last_used_at']);

/** What is meant where a member is unset, if that is not nothing. */
const defaults: Members = {
  grant_types: ['client_credentials'],
  token_endpoint_auth_method: 'client_secret_basic',
  rate_limit_mode: 'enforce',
  status: 'active',
  delivery: 'push',
  timeout_ms: 10_000,
  max_in_flight: 10,
  ordering: 'none',
  auth: { type: 'none' },
};

/** Members of a subscription that somebody sets. */
const subscriptionMembers = (
  'delivery url event_types source filter client_id headers retry timeout_ms max_in_flight rate_limit_per_second ordering ' +
  'auth status'
).split(' ');

/** Members that the server completes where they leave something out. */
const completed = new Set(['auth', 'retry']);

/** Scopes that every server has from the start (http-api.md "Admin"): nobody need declare them. */
const seeded = new Set(
  'read:profile read:features read:groups manage:* events:publish state:read state:write'.split(' '),
);

const isSeeded = (name: unknown): boolean => /^(admin|oauth):/.test(String(name)) || seeded.has(String(name));

/**
 * The steps from `present` to `declared`: scopes before the clients that need them, and these before subscriptions. Empty when
 * nothing differs.
 *
 * @throws CommandFailure 1 where a declared name is that of two subscriptions
 */
export function planOf(declared: Declaration, present: Present): Change[] {
  const scopes = new Map(present.scopes.map((scope) => [String(scope['name']), scope]));
  const clients = new Map(present.clients.map((client) => [String(client['client_id']), client]));
  const changes = [
    ...declared.scopes.map((scope) => scopeChange(scope, scopes.get(scope.name))),
    ...declared.clients.map((client) => clientChange(client, clients.get(client.clientId))),
    ...declared.subscriptions.map((subscription) => subscriptionChange(subscription, present.subscriptions)),
  ];
  const extra = (kind: Change['kind'], found: Iterable<string>, known: readonly string[]): Change[] =>
    [...found]
      .filter((name) => !known.includes(name) && !(kind === 'scope' && isSeeded(name)))
      .map((name) => ({ action: 'extra', kind, name, members: {}, before: {} }));
  const scopeNames = declared.scopes.map(({ name }) => name);
  const clientIds = declared.clients.map(({ clientId }) => clientId);
  const subscriptionNames = declared.subscriptions.map(({ name }) => name);
  return [
    ...changes.filter((change) => change !== undefined),
    ...extra('scope', scopes.keys(), scopeNames),
    ...extra('client', clients.keys(), clientIds),
    ...extra(
      'subscription',
      present.subscriptions.map(({ name }) => String(name)),
      subscriptionNames,
    ),
  ];
}

/**
 * The declaration of what is there, without what is as it would be anyway.
 *
 * @throws CommandFailure 1 where two subscriptions have one name: a file that says so could not be read again
 */
export function declarationOf({ scopes, clients, subscriptions }: Present): Readonly<Record<keyof Present, Members[]>> {
  const names = subscriptions.map(({ name }) => String(name));
  const shared = new Set(names.filter((name, index) => names.indexOf(name) !== index));
  if (shared.size > 0) throw sameName([...shared]);
  return {
    scopes: scopes.filter(({ name }) => !isSeeded(name)).map(({ name, description }) => ({ name, description })),
    clients: clients.map((client) => ({
      client_id: client['client_id'],
      ...setMembers(client, (member) => !readOnly.has(member)),
    })),
    subscriptions: subscriptions.map((subscription) => ({
      name: subscription['name'],
      ...setMembers(subscription, (member) => subscriptionMembers.includes(member)),
    })),
  };
}

function setMembers(thing: Members, isDeclared: (member: string) => boolean): Members {
  const declared = Object.entries(thing).filter(([member, value]) => isDeclared(member) && !isUnset(member, value));
  return Object.fromEntries(declared);
}

function scopeChange({ name, description }: DeclaredScope, present: Members | undefined): Change | undefined {
  const members = description === undefined ? {} : { description };
  if (present === undefined) return { action: 'create', kind: 'scope', name, members, before: {} };
  return update('scope', name, members, present);
}

function clientChange({ clientId: name, members }: DeclaredClient, present: Members | undefined): Change | undefined {
  if (present === undefined) return { action: 'create', kind: 'client', name, members, before: {} };
  return update('client', name, members, present);
}

function subscriptionChange({ name, members }: DeclaredSubscription, present: readonly Members[]): Change | undefined {
  const [found, another] = present.filter((subscription) => subscription['name'] === name);
  if (another !== undefined) throw sameName([name]);
  if (found === undefined) return { action: 'create', kind: 'subscription', name, members, before: {} };
  const change = update('subscription', name, members, found);
  return change && { ...change, id: String(found['id']) };
}

function sameName(names: readonly string[]): CommandFailure {
  return new CommandFailure(
    1,
    names.map((name) => `there are two subscriptions called ${printable(name)}; rename one`),
  );
}

function update(kind: Change['kind'], name: string, declared: Members, present: Members): Change | undefined {
  const changed = Object.entries(declared).filter(([member, value]) => !isSame(member, value, present[member]));
  if (changed.length === 0) return undefined;
  const before = Object.fromEntries(changed.map(([member]) => [member, present[member] ?? null]));
  const members = Object.fromEntries(
    changed.map(([member, value]) => [member, patchOf(member, value, present[member])]),
  );
  return { action: 'update', kind, name, members, before };
}

/** A patch that makes `from` into `to`: what is not in `to` is taken away, unless the server completes it. */
function patchOf(member: string, to: unknown, from: unknown): unknown {
  if (!isMapping(to) || !isMapping(from) || completed.has(member)) return to;
  const gone = Object.keys(from).filter((name) => !(name in to));
  return { ...to, ...Object.fromEntries(gone.map((name) => [name, null])) };
}

function isSame(member: string, declared: unknown, present: unknown): boolean {
  if (declared === null || declared === undefined) return isUnset(member, present);
  if (completed.has(member) && isMapping(declared) && isMapping(present)) {
    return Object.entries(declared).every(([name, value]) => isDeepStrictEqual(value, present[name]));
  }
  return isDeepStrictEqual(normal(member, declared), normal(member, present));
}

/** Lists of text, and scope, stand for sets. */
function normal(member: string, value: unknown): unknown {
  if (member === 'scope' && typeof value === 'string') return value.split(' ').filter(Boolean).toSorted();
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value.toSorted() : value;
}

function isUnset(member: string, value: unknown): boolean {
  if (value === null || value === undefined || value === '' || value === false || value === 0) return true;
  if (Array.isArray(value) && value.length === 0) return true;
  if (isMapping(value) && Object.keys(value).length === 0) return true;
  return member in defaults && isDeepStrictEqual(value, defaults[member]);
}

function isMapping(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
