import type { Command } from 'commander';
import type { Page } from './admin-api.js';
import { clientMembers, withMemberOptions } from './client-members.js';
import { usageFault } from './failure.js';
import { PrivateFile } from './secret-file.js';
import {
  collect,
  listCommand,
  onServer,
  type Options,
  segment,
  type Session,
  type Shell,
  textOption,
} from './session.js';
import { type Column, recordOf } from './table.js';

type Members = Readonly<Record<string, unknown>>;
type Row = Page['items'][number];

const path = '/admin/oauth/clients';

const columns: readonly Column<Row>[] = [
  { heading: 'CLIENT_ID', of: (client) => client['client_id'] },
  { heading: 'NAME', of: (client) => client['client_name'] },
  { heading: 'STATUS', of: (client) => client['status'] },
  { heading: 'SCOPE', of: (client) => client['scope'] },
  { heading: 'LAST_USED', of: (client) => client['last_used_at'] },
];

const secretFile = [
  '--secret-file <file>',
  'write the credentials there (0600) instead of showing the secret',
] as const;

/** `signet clients`. */
export function addClientCommands(program: Command, shell: Shell): void {
  const clients = program.command('clients').description('who may get tokens');
  listCommand(clients, 'clients')
    .option('--query <text>', 'part of the identifier or the name')
    .option('--status <status>', 'active or disabled')
    .action(
      onServer(shell, (session, _, options) =>
        session.list(
          path,
          { q: textOption(options, 'query'), status: textOption(options, 'status') },
          options,
          columns,
        ),
      ),
    );
  clients
    .command('get <client_id>')
    .description('show a client')
    .action(
      onServer(shell, async (session, [id]) => session.answer(await session.api.send('GET', one(id)), clientRecord)),
    );
  addWrites(clients, shell);
  addStatusCommands(clients, shell);
  addSecretCommands(clients, shell);
}

function addWrites(clients: Command, shell: Shell): void {
  withMemberOptions(clients.command('create').description('register a client; its secret is shown this once'))
    .option('--client-id <id>', 'its identifier; made up by the server, unless given')
    .option(...secretFile)
    .action(
      onServer(shell, async (session, _, options) => {
        const id = textOption(options, 'clientId');
        const members = { ...clientMembers(options), ...(id !== undefined && { client_id: id }) };
        await withSecret(session, options, () => session.api.send('POST', path, members));
      }),
    );
  withMemberOptions(clients.command('update <client_id>').description('change the members that are named'))
    .option('--no-dpop', 'its tokens are not bound by DPoP')
    .option('--unset <member>', 'give a member back its default, by its name in the API (repeatable)', collect)
    .option(...secretFile)
    .action(
      onServer(shell, async (session, [id], options) => {
        const patch = { ...clientMembers(options), ...unset(options['unset']) };
        if (Object.keys(patch).length === 0) throw usageFault('nothing to change: see signet clients update --help');
        await withSecret(session, options, () => session.api.send('PATCH', one(id), patch));
      }),
    );
}

function addStatusCommands(clients: Command, shell: Shell): void {
  for (const [verb, status, effect] of [
    ['disable', 'disabled', 'refuse a client, and end its tokens'],
    ['enable', 'active', 'accept a client again; its old tokens stay ended'],
  ] as const) {
    clients
      .command(`${verb} <client_id>`)
      .description(effect)
      .action(
        onServer(shell, async (session, [id]) =>
          session.answer(await session.api.send('PATCH', one(id), { status }), ({ client_id: name }) => [
            `${String(name)} is ${status}`,
          ]),
        ),
      );
  }
  clients
    .command('delete <client_id>')
    .description('delete a client for good, and end its tokens; its identifier stays taken')
    .action(
      onServer(shell, async (session, [id]) => {
        await session.api.send('DELETE', one(id));
        session.done(`${id} is deleted`);
      }),
    );
  clients
    .command('revoke-tokens <client_id>')
    .description('end every token that a client has')
    .action(
      onServer(shell, async (session, [id]) =>
        session.answer(await session.api.send('POST', `${one(id)}/revoke-tokens`, {}), ({ revoked }) => [
          `${Number(revoked)} access tokens revoked`,
        ]),
      ),
    );
}

function addSecretCommands(clients: Command, shell: Shell): void {
  clients
    .command('regenerate-secret <client_id>')
    .description('give a client a new secret, shown this once')
    .option('--overlap <seconds>', 'how long the old secrets still work', '0')
    .option(...secretFile)
    .action(
      onServer(shell, async (session, [id], options) => {
        const overlap = String(options['overlap']);
        if (!/^\d{1,9}$/.test(overlap)) throw usageFault('--overlap: must be a number of seconds');
        const body = { overlap_seconds: Number(overlap) };
        await withSecret(session, options, () => session.api.send('POST', `${one(id)}/regenerate-secret`, body));
      }),
    );
  clients
    .command('delete-secret <client_id> <secret_id>')
    .description('end one of several secrets at once')
    .action(
      onServer(shell, async (session, [id, secretId]) => {
        await session.api.send('DELETE', `${one(id)}/secrets/${segment(secretId)}`);
        session.done(`the secret ${secretId} is deleted`);
      }),
    );
}

function one(clientId: string | undefined): string {
  return `${path}/${segment(clientId)}`;
}

function unset(names: unknown): Members {
  return Object.fromEntries((Array.isArray(names) ? (names as string[]) : []).map((name) => [name, null]));
}

/** Shows the client that `request` answers, its new secret included unless that goes to a file. */
async function withSecret(session: Session, options: Options, request: () => Promise<unknown>): Promise<void> {
  const path = textOption(options, 'secretFile');
  const file = path === undefined ? undefined : await PrivateFile.create(path);
  let answer: Members;
  try {
    answer = (await request()) as Members;
    if (file !== undefined && answer['client_secret'] === undefined) await file.discard();
  } catch (error) {
    await file?.discard();
    throw error;
  }
  const { client_id, client_secret, ...others } = answer;
  if (client_secret === undefined) {
    session.answer(answer, clientRecord);
  } else if (file === undefined) {
    session.answer(answer, clientRecord);
    if (!session.isJson) session.tell('The secret is shown this once; the server cannot tell it again.');
  } else {
    await file.writeJson({ client_id, client_secret });
    session.answer({ client_id, ...others }, clientRecord);
    if (!session.isJson) session.tell(`The credentials are in ${file.path}`);
  }
}

/** A client; of each of its secrets there is no more to see than how it ends. */
function clientRecord(client: Members): string[] {
  const { client_id, client_secret, client_secret_expires_at: _, secrets, ...others } = client;
  const lives = Array.isArray(secrets) ? (secrets as Members[]).map(secretLife) : undefined;
  const members = Object.entries({ client_id, client_secret, ...others, secrets: lives });
  return recordOf(Object.fromEntries(members.filter(([, value]) => value !== false)));
}

function secretLife({ secret_id: id, hint, expires_at: ends, last_used_at: used }: Members): string {
  const end = typeof ends === 'string' ? `ends ${ends}` : 'without end';
  const use = typeof used === 'string' ? `last used ${used}` : 'not used yet';
  return `${String(id)} (…${String(hint)}; ${end}; ${use})`;
}
