import { Client } from 'pg';
import { ClientUsage } from '../../src/clients/index.js';
import type { TestServer } from './server.js';

/** One row of the audit log. */
export interface AuditRow {
  readonly id: string;
  readonly action: string;
  readonly success: boolean;
  readonly actor_client_id: string | null;
  readonly target_type: string | null;
  readonly target_id: string | null;
  readonly ip_address: string | null;
  readonly user_agent: string | null;
  readonly request_id: string | null;
  readonly details: Record<string, unknown> | null;
  readonly error: string | null;
}

/** Everything that a refused request must leave as it is (security.md N0), but for the audit log. */
const selectState = `
  SELECT (SELECT count(*)::int FROM access_tokens) AS access_tokens,
    (SELECT count(*)::int FROM events) AS events,
    (SELECT jsonb_agg(to_jsonb(f) ORDER BY id) FROM refresh_families f) AS refresh_families,
    (SELECT jsonb_agg(to_jsonb(t) ORDER BY token_id) FROM refresh_tokens t) AS refresh_tokens,
    (SELECT jsonb_agg(to_jsonb(c) ORDER BY client_id) FROM clients c) AS clients,
    (SELECT jsonb_agg(to_jsonb(s) ORDER BY secret_id) FROM client_secrets s) AS client_secrets,
    (SELECT jsonb_agg(to_jsonb(s) ORDER BY name) FROM scopes s) AS scopes,
    (SELECT jsonb_agg(to_jsonb(k) ORDER BY kid) FROM signing_keys k) AS signing_keys`;

/** Reads the database of a test server beside it, to see what a request has left there. */
export class Ledger {
  private readonly client: Client;

  private constructor(
    private readonly server: TestServer,
    private readonly others: readonly TestServer[],
  ) {
    this.client = new Client({ connectionString: server.database.url });
    this.client.on('error', () => undefined);
  }

  /** @param others servers beside it that are used too: what they have still to write is no trace of a refusal */
  static async open(server: TestServer, ...others: readonly TestServer[]): Promise<Ledger> {
    const ledger = new Ledger(server, others);
    await ledger.client.connect();
    return ledger;
  }

  async close(): Promise<void> {
    await this.client.end();
  }

  async rows<Row>(statement: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.client.query(statement, values)).rows as Row[];
  }

  /** The entries that the audit log got while `act` ran. */
  async entriesOf<T>(act: () => Promise<T>): Promise<{ readonly result: T; readonly entries: AuditRow[] }> {
    const before = (await this.rows<{ id: string }>('SELECT id FROM audit_log')).map(({ id }) => id);
    const result = await act();
    const entries = await this.rows<AuditRow>('SELECT * FROM audit_log WHERE NOT id = ANY ($1::uuid[])', [before]);
    return { result, entries };
  }

  /**
   * Runs `act`, whose one request must be refused without a trace but one entry of the audit log with `success: false`, the
   * request's id and none of `secrets` (security.md N0).
   */
  async refused(
    act: () => Promise<Response>,
    secrets: readonly string[] = [],
  ): Promise<{ readonly response: Response; readonly entry: AuditRow }> {
    const before = await this.state();
    const { result: response, entries } = await this.entriesOf(act);
    expect(await this.state()).toEqual(before);
    expect(entries).toEqual([
      expect.objectContaining({ success: false, request_id: response.headers.get('x-request-id') }),
    ]);
    const [entry] = entries as [AuditRow];
    expect(entry.error).toMatch(/^[a-z_]+$/);
    const text = `${JSON.stringify(entry)} ${await response.clone().text()}`;
    for (const secret of secrets) expect(text).not.toContain(secret);
    return { response, entry };
  }

  private async state(): Promise<unknown> {
    for (const { running } of [this.server, ...this.others]) {
      await running.app.get(ClientUsage, { strict: false }).flush(0);
    }
    return (await this.rows(selectState))[0];
  }
}

/** O(status, error) of security.md: an error of RFC 6749 §5.2 and nothing else. */
export async function expectOAuthError(response: Response, status: number, error: string): Promise<void> {
  const text = await response.clone().text();
  expect({ status: response.status, body: text }).toEqual({
    status,
    body: expect.stringContaining(`{"error":"${error}"`),
  });
  expect(response.headers.get('content-type')).toMatch(/^application\/json(; *charset=utf-8)?$/i);
  expect(response.headers.get('cache-control')).toBe('no-store');
  expect(response.headers.get('x-request-id')).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
  const body = JSON.parse(text) as Record<string, string>;
  expect(Object.keys(body).filter((name) => !['error', 'error_description', 'error_uri'].includes(name))).toEqual([]);
  expect(body['error_description'] ?? '').toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]*$/);
  expectNothingInside(text);
  if (status !== 401) expect(response.headers.has('www-authenticate')).toBe(false);
}

/** CL of security.md: the one answer to every failed authentication. */
export async function expectInvalidClient(response: Response): Promise<void> {
  await expectOAuthError(response, 401, 'invalid_client');
  expect(response.headers.get('www-authenticate')).toBe('Basic realm="oauth"');
}

/** PR(status) of security.md: a problem of RFC 9457. */
export async function expectProblem(response: Response, status: number): Promise<void> {
  const text = await response.clone().text();
  expect({ status: response.status, text }).toEqual({ status, text: expect.stringContaining(`"status":${status}`) });
  expect(response.headers.get('content-type')).toMatch(/^application\/problem\+json(; *charset=utf-8)?$/i);
  expect(response.headers.get('x-request-id')).toMatch(/^[A-Za-z0-9._-]{1,64}$/);
  const body = JSON.parse(text) as Record<string, unknown>;
  expect(body).toMatchObject({
    type: expect.any(String),
    title: expect.any(String),
    status,
    detail: expect.any(String),
  });
  expectNothingInside(text);
}

/** BT of security.md: the bearer token that was sent is refused. */
export async function expectBadToken(response: Response): Promise<void> {
  await expectProblem(response, 401);
  expect(response.headers.get('www-authenticate')).toMatch(/^Bearer error="invalid_token"(, |$)/);
  expect(response.headers.get('cache-control')).toBe('no-store');
}

/** SC of security.md: the token is good, and not enough. */
export async function expectTooLittleScope(response: Response, scope: string): Promise<void> {
  await expectProblem(response, 403);
  const challenge = response.headers.get('www-authenticate');
  expect(challenge).toMatch(/^Bearer error="insufficient_scope"/);
  expect(challenge).toContain(`scope="${scope}"`);
}

/** No stack, no SQL, no path of a file. */
function expectNothingInside(text: string): void {
  expect(text).not.toMatch(/\bat .*:\d+|SELECT |INSERT |node_modules|\.ts\b|\.js\b/);
}
