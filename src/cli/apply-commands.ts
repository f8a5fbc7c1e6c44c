import { join } from 'node:path';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { readDeclaration } from './declaration.js';
import { CommandFailure, usageFault } from './failure.js';
import { type Change, declarationOf, planOf, type Present } from './plan.js';
import { printable, printableJson } from './printable.js';
import { PrivateFile } from './secret-file.js';
import { onServer, type Options, segment, type Session, type Shell, textOption } from './session.js';

type Members = Readonly<Record<string, unknown>>;

const paths = {
  scope: '/admin/oauth/scopes',
  client: '/admin/oauth/clients',
  subscription: '/admin/events/subscriptions',
} as const;
const signs = { create: '+', update: '~', extra: '?' } as const;

/** `signet plan`, `signet apply` and `signet export`. */
export function addApplyCommands(program: Command, shell: Shell): void {
  const file = [
    '-f, --file <file>',
    'YAML or JSON with scopes, clients and subscriptions; - reads the standard input',
  ] as const;
  program
    .command('plan')
    .description('show what signet apply would change, and what is there beside what was declared')
    .requiredOption(...file)
    .option('--exit-code', 'exit with 1 if there is anything to change')
    .action(
      onServer(shell, async (session, _, options) => {
        const changes = await planned(session, options);
        const [made, changed, extra] = (['create', 'update', 'extra'] as const).map((action) => count(changes, action));
        show(session, changes, `${made} to create, ${changed} to change, ${extra} not declared`);
        if (options['exitCode'] === true && toDo(changes).length > 0) throw new CommandFailure(1, []);
      }),
    );
  program
    .command('apply')
    .description('make what was declared so; nothing is deleted')
    .requiredOption(...file)
    .option(
      '--secrets-dir <directory>',
      'where the secrets of what is new go (0600): <client_id>.json, subscription-<name>.json',
    )
    .action(
      onServer(shell, async (session, _, options) => {
        const changes = toDo(await planned(session, options));
        const directory = textOption(options, 'secretsDir');
        if (directory === undefined && changes.some(bringsSecret)) {
          throw usageFault('--secrets-dir: is required where there will be a secret; it is told only once');
        }
        for (const change of changes) await apply(session, change, directory);
        show(session, changes, `${count(changes, 'create')} created, ${count(changes, 'update')} changed`);
      }),
    );
  program
    .command('export')
    .description('write what is there as signet apply reads it; secrets are not part of it')
    .action(
      onServer(shell, async (session) => {
        const declaration = declarationOf(await presentAt(session));
        session.print(session.isJson ? [printableJson(declaration)] : [stringify(declaration).trimEnd()]);
      }),
    );
}

async function presentAt(session: Session): Promise<Present> {
  const all = async (path: string) => (await session.api.list(path, {}, Number.MAX_SAFE_INTEGER)).items;
  return {
    scopes: await all(paths.scope),
    clients: await all(paths.client),
    subscriptions: await all(paths.subscription),
  };
}

async function planned(session: Session, options: Options): Promise<Change[]> {
  const declaration = readDeclaration(String(options['file']));
  return planOf(declaration, await presentAt(session));
}

function toDo(changes: readonly Change[]): Change[] {
  return changes.filter(({ action }) => action !== 'extra');
}

/** Whether the server will tell a secret: a client is made, or changed, to authenticate with one, or deliveries are to be signed. */
function bringsSecret({ action, kind, members }: Change): boolean {
  if (kind === 'subscription') return action === 'create' && members['delivery'] !== 'poll';
  const method = members['token_endpoint_auth_method'];
  if (kind !== 'client' || (action === 'update' && method === undefined)) return false;
  return method === undefined || method === null || (typeof method === 'string' && method.startsWith('client_secret_'));
}

async function apply(session: Session, change: Change, directory: string | undefined): Promise<void> {
  const { kind, name } = change;
  const isSecret = bringsSecret(change) && directory !== undefined;
  const fileName = `${kind === 'subscription' ? 'subscription-' : ''}${segment(name)}.json`;
  const file = isSecret ? await PrivateFile.create(join(directory, fileName)) : undefined;
  try {
    const { id, client_id, client_secret, signing_secret } = (await send(session, change)) as Members;
    if (client_secret !== undefined) await file?.writeJson({ client_id, client_secret });
    else if (signing_secret !== undefined) await file?.writeJson({ id, name, signing_secret });
    else await file?.discard();
  } catch (error) {
    await file?.discard();
    throw about(kind, name, error);
  }
  // A client begins active: one that was declared disabled is so with its next breath.
  const { status } = change.members;
  if (kind === 'client' && change.action === 'create' && status !== undefined && status !== 'active') {
    await session.api.send('PATCH', one(change), { status }).catch((error: unknown) => {
      throw about(kind, name, error);
    });
  }
}

function send(session: Session, change: Change): Promise<unknown> {
  const { action, kind, name } = change;
  if (action === 'update') return session.api.send('PATCH', one(change), change.members);
  if (kind === 'subscription') return session.api.send('POST', paths[kind], { name, ...change.members });
  const { status: _, ...members } = change.members;
  return session.api.send('POST', paths[kind], { ...(kind === 'client' ? { client_id: name } : { name }), ...members });
}

function one({ kind, name, id = name }: Change): string {
  return `${paths[kind]}/${segment(id)}`;
}

/** The same failure, with what it is about. */
function about(kind: string, name: string, error: unknown): unknown {
  if (!(error instanceof CommandFailure)) return error;
  return new CommandFailure(
    error.exitCode,
    error.lines.map((line) => `${kind} ${printable(name)}: ${line}`),
  );
}

function show(session: Session, changes: readonly Change[], summary: string): void {
  if (session.isJson) return session.print([printableJson({ changes })]);
  const lines = changes.flatMap(({ action, kind, name, members, before }) => [
    `${signs[action]} ${kind} ${printable(name)}${action === 'extra' ? '  (not declared)' : ''}`,
    ...Object.entries(members).map(([member, value]) => `    ${difference(action, member, value, before[member])}`),
  ]);
  session.print([...lines, summary]);
}

function count(changes: readonly Change[], action: Change['action']): number {
  return changes.filter((change) => change.action === action).length;
}

function difference(action: Change['action'], member: string, value: unknown, before: unknown): string {
  const [name, to, from] = [member, JSON.stringify(value), JSON.stringify(before)].map((text) => printable(text ?? ''));
  return action === 'update' ? `${name}: ${from} -> ${to}` : `${name}: ${to}`;
}
