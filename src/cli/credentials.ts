import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CommandFailure, systemCode } from './failure.js';

/** What a command authenticates with. */
export interface Credentials {
  readonly clientId: string;
  readonly clientSecret: string;
}

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * The credentials of the one who calls: from the named file, else from `SIGNET_CLIENT_ID` and `SIGNET_CLIENT_SECRET`, else from
 * `bootstrap-client.json` of the data directory. Never from an argument, which every user of the machine can read.
 *
 * @param warn told when others may read the file
 * @throws CommandFailure 4 when there are none
 */
export function loadCredentials(
  file: string | undefined,
  variables: Variables,
  warn: (line: string) => void,
): Credentials {
  if (file !== undefined) return fromFile(file, warn);
  const { SIGNET_CLIENT_ID: clientId, SIGNET_CLIENT_SECRET: clientSecret } = variables;
  if (clientId && clientSecret) return { clientId, clientSecret };
  if (clientId) throw new CommandFailure(4, ['SIGNET_CLIENT_SECRET: is required with SIGNET_CLIENT_ID']);
  if (clientSecret) throw new CommandFailure(4, ['SIGNET_CLIENT_ID: is required with SIGNET_CLIENT_SECRET']);
  return fromFile(join(variables['DATA_DIR']?.trim() || 'data', 'bootstrap-client.json'), warn);
}

function fromFile(path: string, warn: (line: string) => void): Credentials {
  const parsed = parse(read(path));
  if (parsed === undefined) {
    throw new CommandFailure(4, [`${path}: must hold JSON with client_id and client_secret`]);
  }
  if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0) {
    warn(`warning: ${path} holds a secret and can be read by others: chmod 600 ${path}`);
  }
  return parsed;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = systemCode(error) === 'ENOENT' ? 'is not there' : `cannot be read (${systemCode(error)})`;
    throw new CommandFailure(4, [
      `no credentials: ${path} ${reason}; set SIGNET_CLIENT_ID and SIGNET_CLIENT_SECRET, or name a file with --credentials`,
    ]);
  }
}

/** Says nothing of what it has read: a parser's message would quote it. */
function parse(text: string): Credentials | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    const { client_id: clientId, client_secret: clientSecret } = value as Readonly<Record<string, unknown>>;
    return typeof clientId === 'string' && typeof clientSecret === 'string' ? { clientId, clientSecret } : undefined;
  } catch {
    return undefined;
  }
}
