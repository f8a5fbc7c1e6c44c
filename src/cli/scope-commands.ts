import type { Command } from 'commander';
import { listCommand, onServer, segment, type Shell, textOption } from './session.js';

const path = '/admin/oauth/scopes';

/** `signet scopes`. */
export function addScopeCommands(program: Command, shell: Shell): void {
  const scopes = program.command('scopes').description('what may be asked for');
  listCommand(scopes, 'registered scopes').action(
    onServer(shell, (session, _, options) =>
      session.list(path, {}, options, [
        { heading: 'NAME', of: (scope) => scope['name'] },
        { heading: 'DESCRIPTION', of: (scope) => scope['description'] },
      ]),
    ),
  );
  scopes
    .command('create <name>')
    .description('register a scope')
    .option('--description <text>', 'what it stands for')
    .action(
      onServer(shell, async (session, [name], options) => {
        const description = textOption(options, 'description');
        session.answer(
          await session.api.send('POST', path, { name, ...(description !== undefined && { description }) }),
        );
      }),
    );
  scopes
    .command('update <name>')
    .description('describe a scope anew')
    .requiredOption('--description <text>', 'what it stands for')
    .action(
      onServer(shell, async (session, [name], options) => {
        const patch = { description: textOption(options, 'description') };
        session.answer(await session.api.send('PATCH', `${path}/${segment(name)}`, patch));
      }),
    );
  scopes
    .command('delete <name>')
    .description('delete a scope that no client has')
    .action(
      onServer(shell, async (session, [name]) => {
        await session.api.send('DELETE', `${path}/${segment(name)}`);
        session.done(`${name} is deleted`);
      }),
    );
}
