import type { Command } from 'commander';
import { collect, listCommand, onServer, segment, type Shell, textOption } from './session.js';

const path = '/admin/oauth/tokens';

/** `signet token` and `signet tokens`. */
export function addTokenCommands(program: Command, shell: Shell): void {
  program
    .command('token')
    .description('get a token for the credentials in use, and print nothing else')
    .option('--scope <scopes>', 'space-delimited; all that the client may have, unless given')
    .option('--resource <uri>', 'whom it is for (repeatable)', collect)
    .action(
      onServer(shell, async (session, _, options) => {
        const resources = (options['resource'] as readonly string[] | undefined) ?? [];
        const token = await session.api.issueToken(textOption(options, 'scope'), resources);
        session.answer(token, () => [token.access_token]);
      }),
    );
  const tokens = program.command('tokens').description('what was issued');
  listCommand(tokens, 'issued tokens')
    .option('--client <client_id>', 'of one client')
    .option('--status <status>', 'active, revoked or expired')
    .action(
      onServer(shell, (session, _, options) => {
        const query = { client_id: textOption(options, 'client'), status: textOption(options, 'status') };
        return session.list(path, query, options, [
          { heading: 'JTI', of: (token) => token['jti'] },
          { heading: 'CLIENT_ID', of: (token) => token['client_id'] },
          { heading: 'SCOPE', of: (token) => token['scope'] },
          { heading: 'ISSUED', of: (token) => token['issued_at'] },
          { heading: 'EXPIRES', of: (token) => token['expires_at'] },
          { heading: 'REVOKED', of: (token) => token['revoked_at'] },
        ]);
      }),
    );
  tokens
    .command('revoke <jti>')
    .description('end one token')
    .option('--reason <text>', 'for the audit log')
    .action(
      onServer(shell, async (session, [jti], options) => {
        const reason = textOption(options, 'reason');
        await session.api.send('POST', `${path}/${segment(jti)}/revoke`, reason === undefined ? {} : { reason });
        session.done(`${jti} is revoked`);
      }),
    );
}
