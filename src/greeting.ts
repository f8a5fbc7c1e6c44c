import type { BootstrapOutcome } from './clients/index.js';
import type { Config } from './config/index.js';

/**
 * What a start prints: where the server is, and after the first one where the admin client's credentials are and a command
 * that works when pasted. Never a secret.
 *
 * @param credentialsFile path of the generated credentials, as the reader's shell knows it
 */
export function greeting({ server }: Config, bootstrap: BootstrapOutcome, credentialsFile: string): string[] {
  const ready = `Signet is ready at ${server.issuer}`;
  if (bootstrap.kind === 'done') return [ready];
  if (bootstrap.kind === 'environment') {
    return [
      ready,
      `The admin client ${bootstrap.clientId} was made from BOOTSTRAP_CLIENT_ID and BOOTSTRAP_CLIENT_SECRET.`,
    ];
  }
  const field = (name: string) => `$(node -p "require('./${credentialsFile}').${name}")`;
  return [
    ready,
    `The credentials of the admin client are in ${credentialsFile}`,
    'Get a first token:',
    `  curl -s -u "${field('client_id')}:${field('client_secret')}" -d grant_type=client_credentials ${server.issuer}/oauth/token`,
  ];
}
