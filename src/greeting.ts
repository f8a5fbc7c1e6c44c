import { isAbsolute, relative } from 'node:path';
import type { BootstrapOutcome } from './clients/index.js';
import type { Config } from './config/index.js';

/**
 * What a start prints: where the server is, and until the first admin client has been used where its generated credentials are and
 * a command that works when pasted. Never a secret.
 *
 * @param directory absolute path of the one that the reader's shell is in
 */
export function greeting({ server }: Config, bootstrap: BootstrapOutcome, directory: string): string[] {
  const ready = `Signet is ready at ${server.issuer}`;
  if (bootstrap.kind === 'done') return [ready];
  if (bootstrap.kind === 'environment') {
    return [
      ready,
      `The admin client ${bootstrap.clientId} was made from BOOTSTRAP_CLIENT_ID and BOOTSTRAP_CLIENT_SECRET.`,
    ];
  }
  const file = pathFrom(directory, bootstrap.path);
  const module = JSON.stringify(isAbsolute(file) ? file : `./${file}`);
  const field = (name: string) => `$(node -p ${quoted(`require(${module}).${name}`)})`;
  return [
    ready,
    `The credentials of the admin client are in ${file}`,
    'Get a first token:',
    `  curl -s -u "${field('client_id')}:${field('client_secret')}" -d grant_type=client_credentials ${server.issuer}/oauth/token`,
  ];
}

/** Relative if it lies below, else absolute: nobody likes to read a path that climbs. */
function pathFrom(directory: string, path: string): string {
  const below = relative(directory, path);
  return below.startsWith('..') || isAbsolute(below) ? path : below;
}

/** One word for a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
