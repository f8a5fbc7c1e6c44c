import type { Readable } from 'node:stream';
import { Agent, type Dispatcher } from 'undici';
import { answerFault } from './answer-fault.js';
import type { Credentials } from './credentials.js';
import { CommandFailure, systemCode } from './failure.js';

/** Longest that an ordinary answer, or a pause in one, may take; and one over the whole audit log. In milliseconds. */
const patience = { connect: 10_000, answer: 60_000, wholeLog: 3_600_000 } as const;

/** Most items that the server hands out at once (http-api.md "Conventions"). */
const pageSize = 200;

const form = { 'content-type': 'application/x-www-form-urlencoded' };

/** One page of a list, or several that were put together. */
export interface Page {
  readonly items: readonly Readonly<Record<string, unknown>>[];
  readonly next_cursor: string | null;
}

/** The answer of `POST /oauth/token`. */
export interface TokenAnswer {
  readonly access_token: string;
  readonly token_type: string;
  readonly expires_in: number;
  readonly scope: string;
}

type Query = Readonly<Record<string, string | undefined>>;
type Json = Readonly<Record<string, unknown>>;

/** The server as a client of its admin API sees it; gets its token when one is needed. */
export class AdminApi {
  private readonly agent = new Agent({
    connect: { timeout: patience.connect },
    headersTimeout: patience.answer,
    bodyTimeout: patience.answer,
  });
  private token: Promise<TokenAnswer> | undefined;

  /**
   * @param base URL without a trailing slash
   * @param credentials asked for once they are needed
   * @param userAgent how the commands are named in the audit log
   */
  constructor(
    private readonly base: string,
    private readonly credentials: () => Credentials,
    private readonly userAgent: string,
  ) {}

  /**
   * Sends a request of the admin API.
   *
   * @returns the JSON of the answer; `undefined` for none
   * @throws CommandFailure
   */
  async send(method: Dispatcher.HttpMethod, path: string, body?: Json, isLong = false): Promise<unknown> {
    const headers = { ...(await this.authorization()), ...(body && { 'content-type': 'application/json' }) };
    const answer = await this.request(path, { method, headers, body: body && JSON.stringify(body) }, isLong);
    return this.readJson(answer);
  }

  /** The first `limit` items of a list, over as many pages as that takes. */
  async list(path: string, query: Query, limit: number): Promise<Page> {
    const items: Page['items'][number][] = [];
    let cursor: string | undefined;
    do {
      const pageLimit = String(Math.min(pageSize, limit - items.length));
      const page = await this.send('GET', path + queryString({ ...query, limit: pageLimit, cursor }));
      if (!isPage(page)) throw strangeAnswer();
      items.push(...page.items);
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined && items.length < limit);
    return { items, next_cursor: cursor ?? null };
  }

  /** The body of a long answer, as it comes. */
  async download(path: string, query: Query): Promise<Readable> {
    const request = { method: 'GET' as const, headers: await this.authorization() };
    const answer = await this.request(path + queryString(query), request, true);
    if (answer.statusCode !== 200) throw await this.fault(answer);
    return answer.body;
  }

  /**
   * Gets a token from `POST /oauth/token`.
   *
   * @param scope all that the client may have, unless given
   * @param resources for whom the token is; as the client is registered, unless given
   */
  async issueToken(scope: string | undefined, resources: readonly string[]): Promise<TokenAnswer> {
    const { clientId, clientSecret } = this.credentials();
    const body = new URLSearchParams({ grant_type: 'client_credentials', ...(scope !== undefined && { scope }) });
    for (const resource of resources) body.append('resource', resource);
    const basic = Buffer.from(`${formEncoded(clientId)}:${formEncoded(clientSecret)}`).toString('base64');
    const headers = { ...form, authorization: `Basic ${basic}` };
    const answer = await this.readJson(
      await this.request('/oauth/token', { method: 'POST', headers, body: body.toString() }),
    );
    if (!isToken(answer)) throw strangeAnswer();
    return answer;
  }

  /** Ends the connections. */
  close(): Promise<void> {
    return this.agent.destroy();
  }

  private async authorization(): Promise<{ authorization: string }> {
    this.token ??= this.issuer().then((issuer) => this.adminToken(issuer));
    return { authorization: `Bearer ${(await this.token).access_token}` };
  }

  private async adminToken(issuer: string): Promise<TokenAnswer> {
    try {
      return await this.issueToken(undefined, [issuer]);
    } catch (error) {
      if (!(error instanceof CommandFailure && error.lines[0]?.startsWith('invalid_target'))) throw error;
      throw new CommandFailure(4, ['this client has no scope of the admin API']);
    }
  }

  /** Whom the token must be for: a client may be registered for other resources. */
  private async issuer(): Promise<string> {
    const path = '/.well-known/oauth-authorization-server';
    const metadata = await this.readJson(await this.request(path, { method: 'GET', headers: {} }));
    const issuer = isJson(metadata) ? metadata['issuer'] : undefined;
    if (typeof issuer !== 'string') throw strangeAnswer();
    return issuer;
  }

  private async request(
    path: string,
    { headers, ...options }: { method: Dispatcher.HttpMethod; headers: Json; body?: string | undefined },
    isLong = false,
  ): Promise<Dispatcher.ResponseData> {
    const { origin, pathname } = new URL(this.base);
    try {
      return await this.agent.request({
        ...options,
        origin,
        path: (pathname === '/' ? '' : pathname) + path,
        headers: { accept: 'application/json', 'user-agent': this.userAgent, ...(headers as Record<string, string>) },
        ...(isLong && { headersTimeout: patience.wholeLog, bodyTimeout: patience.wholeLog }),
      });
    } catch (error) {
      throw new CommandFailure(3, [`the server at ${origin} cannot be reached (${reasonOf(error)})`]);
    }
  }

  private async readJson(answer: Dispatcher.ResponseData): Promise<unknown> {
    if (answer.statusCode >= 300) throw await this.fault(answer);
    const text = await textOf(answer);
    return text === '' ? undefined : parsed(text);
  }

  private async fault(answer: Dispatcher.ResponseData): Promise<CommandFailure> {
    const { statusCode: status, headers } = answer;
    if (status >= 300 && status < 400) {
      return new CommandFailure(1, ['the server redirects to another address; credentials are not sent there']);
    }
    const text = await textOf(answer);
    const retryAfter = headers['retry-after'];
    const body = /json/.test(String(headers['content-type'])) ? parsed(text) : undefined;
    return answerFault({ status, body, retryAfter: typeof retryAfter === 'string' ? retryAfter : undefined });
  }
}

async function textOf(answer: Dispatcher.ResponseData): Promise<string> {
  try {
    return await answer.body.text();
  } catch (error) {
    throw new CommandFailure(3, [`the server did not finish its answer (${reasonOf(error)})`]);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw strangeAnswer();
  }
}

function strangeAnswer(): CommandFailure {
  return new CommandFailure(1, ['this is not the answer of a Signet server; is the URL right?']);
}

/** A path with its parameters, those that are unset left out. */
function queryString(query: Query): string {
  const set = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
  return set.length === 0 ? '' : `?${new URLSearchParams(set as [string, string][]).toString()}`;
}

/** RFC 6749 §2.3.1: both halves are form-encoded. */
function formEncoded(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}

/** The code that says most: of several addresses that were tried, each failed in its own way. */
function reasonOf(error: unknown): string {
  const tried = isJson(error) && Array.isArray(error['errors']) ? (error['errors'] as unknown[]) : [];
  return systemCode(error) || tried.map(systemCode).find((code) => code !== '') || 'no answer';
}

function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}

function isPage(value: unknown): value is Page {
  return isJson(value) && Array.isArray(value['items']);
}

function isToken(value: unknown): value is TokenAnswer {
  return isJson(value) && typeof value['access_token'] === 'string';
}
