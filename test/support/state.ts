import type { Credentials, TestServer } from './server.js';

/** What a change of the feed says. */
export interface Change {
  readonly resource_type: string;
  readonly resource_id: string;
  readonly version: number;
  readonly deleted: boolean;
  readonly updated_at: string;
}

/** What a write answers. */
export interface Written {
  readonly resource_type: string;
  readonly resource_id: string;
  readonly version: number;
  readonly changed: boolean;
  readonly updated_at: string;
}

/** A page of the feed. */
export interface Changes {
  readonly items: readonly Change[];
  readonly next_cursor: string;
}

/** Headers of a request. */
export type Fields = Readonly<Record<string, string>>;

/** A service that keeps state at a server. */
export class StateClient {
  constructor(
    readonly server: TestServer,
    readonly token: string,
  ) {}

  /** A new client with both scopes, unless others are given. */
  static async create(server: TestServer, scope = 'state:read state:write'): Promise<StateClient> {
    const credentials: Credentials = await server.createClient({ client_name: 'State', scope });
    return new StateClient(server, await server.tokenOf(credentials));
  }

  /** The same client at another server. */
  at(server: TestServer): StateClient {
    return new StateClient(server, this.token);
  }

  fetch(
    path: string,
    { headers, ...init }: Omit<RequestInit, 'headers'> & { headers?: Fields } = {},
  ): Promise<Response> {
    return this.server.fetch(path, { ...init, headers: { authorization: `Bearer ${this.token}`, ...headers } });
  }

  /** @param state a value, or the text of one */
  put(path: string, state: unknown, fields: Fields = {}): Promise<Response> {
    const body = typeof state === 'string' ? state : JSON.stringify(state);
    return this.fetch(`/sync/${path}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json', ...fields },
      body,
    });
  }

  get(path: string, fields: Fields = {}): Promise<Response> {
    return this.fetch(`/sync/${path}`, { headers: fields });
  }

  delete(path: string, fields: Fields = {}): Promise<Response> {
    return this.fetch(`/sync/${path}`, { method: 'DELETE', headers: fields });
  }

  /** What a write that must succeed answers. */
  async written(path: string, state: unknown, fields: Fields = {}): Promise<Written> {
    const response = await this.put(path, state, fields);
    if (!response.ok) throw new Error(`not written: ${response.status} ${await response.text()}`);
    return (await response.json()) as Written;
  }

  /** A page of the feed. */
  async changes(query: Readonly<Record<string, string>> = {}): Promise<Changes> {
    const response = await this.get(`changes?${new URLSearchParams(query).toString()}`);
    if (response.status !== 200) throw new Error(`no changes: ${response.status} ${await response.text()}`);
    return (await response.json()) as Changes;
  }

  /** Everything behind a cursor, page by page. */
  async allChanges(
    since?: string,
    filter: Readonly<Record<string, string>> = {},
  ): Promise<{ items: Change[]; cursor: string }> {
    const items: Change[] = [];
    for (let cursor = since; ;) {
      const page = await this.changes({ ...filter, limit: '200', ...(cursor === undefined ? {} : { since: cursor }) });
      items.push(...page.items);
      cursor = page.next_cursor;
      if (page.items.length === 0) return { items, cursor };
    }
  }
}
