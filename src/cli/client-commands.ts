import type { Command } from 'commander';
import type { Page } from './admin-api.js';
import { clientRecord, clientsPath as path, type Members, one, secretFile, withSecret } from './client-answer.js';
import { clientMembers, withMemberOptions } from './client-members.js';
import { usageFault } from './failure.js';
import { deleteSecretCommand, regenerateSecretCommand } from './secret-commands.js';
import { collect, listCommand, onServer, type Shell, textOption } from './session.js';
import type { Column } from './table.js';

type Row = Page['items'][number];

const columns: readonly Column<Row>[] = [
  { heading: 'CLIENT_ID', of: (client) => client['client_id'] },
  { heading: 'NAME', of: (client) => client['client_name'] },
  { heading: 'STATUS', of: (client) => client['status'] },
  { heading: 'SCOPE', of: (client) => client['scope'] },
  { heading: 'LAST_USED', of: (client) => client['last_used_at'] },
];

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
  regenerateSecretCommand(clients, 'regenerate-secret', shell);
  deleteSecretCommand(clients, 'delete-secret', shell);
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

function unset(names: unknown): Members {
  return Object.fromEntries((Array.isArray(names) ? (names as string[]) : []).map((name) => [name, null]));
}
