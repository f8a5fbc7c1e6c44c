import { type AuditRow, expectOAuthError, type Ledger } from './refusal.js';
import { basic, type Credentials, type TestServer } from './server.js';

/** The answer of the token endpoint to a client that has the refresh_token grant. */
export interface RefreshAnswer {
  readonly access_token: string;
  readonly token_type: string;
  readonly expires_in: number;
  readonly scope: string;
  readonly refresh_token: string;
}

/** What a form may be made of. */
export type FormParameters = Record<string, string> | [string, string][];

/** The grants of a client that renews its tokens. */
export const renewing = { grant_types: ['client_credentials', 'refresh_token'] };

/** The members of an answer; fails unless it is 200. */
export async function answerOf(response: Response): Promise<RefreshAnswer> {
  const body = await response.text();
  expect({ status: response.status, body }).toMatchObject({ status: 200 });
  return JSON.parse(body) as RefreshAnswer;
}

/** Begins a family of refresh tokens by the client credentials grant. */
export async function beginFamily(
  server: TestServer,
  client: Credentials,
  form: FormParameters = {},
): Promise<RefreshAnswer> {
  return answerOf(await server.requestToken(client, form));
}

/** `grant_type=refresh_token`, by client_secret_basic. */
export function refresh(
  server: TestServer,
  client: Credentials,
  refreshToken: string,
  form: FormParameters = {},
): Promise<Response> {
  const body = new URLSearchParams(form);
  body.set('grant_type', 'refresh_token');
  body.set('refresh_token', refreshToken);
  return server.requestToken(client, [...body.entries()]);
}

/** The public identifier of a refresh token, by which its row is found. */
export function tokenIdOf(refreshToken: string): string {
  return refreshToken.split('_')[2] ?? '';
}

/** What the bootstrap client is told of a token (RFC 7662 §2.2). */
export async function introspect(server: TestServer, token: string): Promise<Record<string, unknown>> {
  const headers = { authorization: basic(server.admin) };
  const body = new URLSearchParams({ token });
  const response = await server.fetch('/oauth/introspect', { method: 'POST', headers, body });
  expect(response.status).toBe(200);
  return (await response.json()) as Record<string, unknown>;
}

/** A refused refresh: its error, one entry in the audit log, nothing else (security.md N0). */
export async function refusedRefresh(
  { server, ledger }: { readonly server: TestServer; readonly ledger: Ledger },
  client: Credentials,
  token: string,
  error: string,
  form: FormParameters = {},
): Promise<AuditRow> {
  const { response, entry } = await ledger.refused(() => refresh(server, client, token, form), [token]);
  await expectOAuthError(response, 400, error);
  expect(entry).toMatchObject({ action: 'token.denied', error, actor_client_id: client.client_id });
  return entry;
}

/** Lets a token, and its family, be older than they are, by intervals of PostgreSQL. */
export async function age(ledger: Ledger, token: string, idle: string, absolute = '0'): Promise<void> {
  await ledger.rows(
    `UPDATE refresh_tokens SET created_at = created_at - $2::interval, expires_at = expires_at - $2::interval,
       used_at = used_at - $2::interval WHERE token_id = $1`,
    [tokenIdOf(token), idle],
  );
  await ledger.rows(
    `UPDATE refresh_families SET expires_at = expires_at - $2::interval
     WHERE id = (SELECT family_id FROM refresh_tokens WHERE token_id = $1)`,
    [tokenIdOf(token), absolute],
  );
}
