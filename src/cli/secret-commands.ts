import type { Command } from 'commander';
import type { Page } from './admin-api.js';
import { type Members, one, secretFile, withSecret } from './client-answer.js';
import { usageFault } from './failure.js';
import { onServer, segment, type Shell } from './session.js';
import { type Column, tableOf } from './table.js';

const columns: readonly Column<Page['items'][number]>[] = [
  { heading: 'SECRET_ID', of: (secret) => secret['secret_id'] },
  { heading: 'HINT', of: (secret) => secret['hint'] },
  { heading: 'CREATED', of: (secret) => secret['created_at'] },
  { heading: 'EXPIRES', of: (secret) => secret['expires_at'] },
  { heading: 'LAST_USED', of: (secret) => secret['last_used_at'] },
];

/** `signet secrets`. */
export function addSecretCommands(program: Command, shell: Shell): void {
  const secrets = program.command('secrets').description('what clients authenticate with');
  secrets
    .command('list <client_id>')
    .description('list the secrets of a client; of each there is no more to see than its end')
    .action(
      onServer(shell, async (session, [id]) => {
        const client = (await session.api.send('GET', one(id))) as Members;
        const items = (client['secrets'] ?? []) as Page['items'];
        session.answer({ items, next_cursor: null }, () => (items.length === 0 ? ['none'] : tableOf(columns, items)));
      }),
    );
  regenerateSecretCommand(secrets, 'regenerate', shell);
  deleteSecretCommand(secrets, 'delete', shell);
}

/** Adds the command that gives a client a new secret. */
export function regenerateSecretCommand(parent: Command, name: string, shell: Shell): void {
  parent
    .command(`${name} <client_id>`)
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
}

/** Adds the command that ends one of the secrets of a client. */
export function deleteSecretCommand(parent: Command, name: string, shell: Shell): void {
  parent
    .command(`${name} <client_id> <secret_id>`)
    .description('end one of several secrets at once')
    .action(
      onServer(shell, async (session, [id, secretId]) => {
        await session.api.send('DELETE', `${one(id)}/secrets/${segment(secretId)}`);
        session.done(`the secret ${secretId} is deleted`);
      }),
    );
}
