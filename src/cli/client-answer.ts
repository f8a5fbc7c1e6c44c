import { PrivateFile } from './secret-file.js';
import { type Options, segment, type Session, textOption } from './session.js';
import { recordOf } from './table.js';

/** A JSON object of the API. */
export type Members = Readonly<Record<string, unknown>>;

export const clientsPath = '/admin/oauth/clients';

/** The option of the commands that are told a secret, and what it does. */
export const secretFile = [
  '--secret-file <file>',
  'write the credentials there (0600) instead of showing the secret',
] as const;

/** The path of one client. */
export function one(clientId: string | undefined): string {
  return `${clientsPath}/${segment(clientId)}`;
}

/** Shows the client that `request` answers, its new secret included unless that goes to a file. */
export async function withSecret(session: Session, options: Options, request: () => Promise<unknown>): Promise<void> {
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
export function clientRecord(client: Members): string[] {
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
