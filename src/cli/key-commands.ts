import type { Command } from 'commander';
import { listCommand, onServer, segment, type Shell, textOption } from './session.js';

const path = '/admin/oauth/keys';

/** `signet keys`. */
export function addKeyCommands(program: Command, shell: Shell): void {
  const keys = program.command('keys').description('what tokens are signed with');
  listCommand(keys, 'signing keys').action(
    onServer(shell, (session, _, options) =>
      session.list(path, {}, options, [
        { heading: 'KID', of: (key) => key['kid'] },
        { heading: 'ALG', of: (key) => key['alg'] },
        { heading: 'STATUS', of: (key) => key['status'] },
        { heading: 'ACTIVATED', of: (key) => key['activated_at'] },
        { heading: 'EXPIRES', of: (key) => key['expires_at'] },
      ]),
    ),
  );
  keys
    .command('rotate')
    .description('publish the next key, which signs from a quarter of an hour later on')
    .option(
      '--immediate',
      'sign with it at once: verifiers that keep the old keys in memory fail until they look again',
    )
    .action(
      onServer(shell, async (session, _, options) => {
        const immediate = options['immediate'] === true;
        session.answer(await session.api.send('POST', `${path}/rotate`, { immediate }));
      }),
    );
  keys
    .command('revoke <kid>')
    .description('take a key out at once, with every token that it has signed')
    .option('--reason <text>', 'for the audit log')
    .action(
      onServer(shell, async (session, [kid], options) => {
        const reason = textOption(options, 'reason');
        await session.api.send('POST', `${path}/${segment(kid)}/revoke`, reason === undefined ? {} : { reason });
        session.done(`${kid} is revoked`);
      }),
    );
}
