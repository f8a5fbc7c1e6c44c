import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningServer, startApp } from '../../src/app.setup.js';
import { loadConfig } from '../../src/config/index.js';
import { freePort } from './free-port.js';
import { createMigratedDatabase } from './migrated-database.js';
import type { TestDatabase } from './postgres.js';

export { freePort };

/** A client's credentials. */
export interface Credentials {
  readonly client_id: string;
  readonly client_secret: string;
}

/** A server of its own on a port of its own, in this process, on a real database. */
export interface TestServer {
  readonly issuer: string;
  readonly running: RunningServer;
  readonly database: TestDatabase;
  /** The environment it was started with; a second server on the same database takes it over. */
  readonly env: Readonly<Record<string, string>>;
  /** The bootstrap client: `admin:full`. */
  readonly admin: Credentials;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** An access token of the bootstrap client, asked for once. */
  adminToken(): Promise<string>;
  /** Calls the admin API with that token; `body` is sent as JSON. */
  asAdmin(method: string, path: string, body?: unknown): Promise<Response>;
  /** Registers a client; fails unless the answer is 201. */
  createClient(members: Record<string, unknown>): Promise<Credentials>;
  /** `POST /oauth/token` with client_secret_basic. */
  requestToken(credentials: Credentials, form?: Record<string, string> | [string, string][]): Promise<Response>;
  /** The access token of such a request; fails unless the answer is 200. */
  tokenOf(credentials: Credentials, form?: Record<string, string> | [string, string][]): Promise<string>;
  stop(): Promise<void>;
}

/** What a test may choose. */
export interface TestServerOptions {
  /** Environment variables beside or instead of the usual ones. */
  readonly env?: Record<string, string>;
  /** Another server whose database and keys this one shares, as a second process would. */
  readonly beside?: TestServer;
}

/** Starts a server as `main.ts` does, but for the signals. */
export async function startServer(options: TestServerOptions = {}): Promise<TestServer> {
  const { beside } = options;
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const database = beside?.database ?? (await createMigratedDatabase());
  const dataDir = await mkdtemp(join(tmpdir(), 'signet-test-'));
  const env: Record<string, string> = {
    ISSUER: issuer,
    KEY_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    BOOTSTRAP_CLIENT_ID: 'admin',
    BOOTSTRAP_CLIENT_SECRET: randomBytes(32).toString('hex'),
    LOG_LEVEL: 'silent',
    ...beside?.env,
    ...options.env,
    PORT: String(port),
    DATA_DIR: dataDir,
    // Only its presence counts here: it makes the configuration that of a server with a database of its own.
    DATABASE_URL: 'postgresql://localhost/signet',
  };
  const { config } = loadConfig(env);
  const running = await startApp(config, database.url, `{${database.url.split('/').at(-1)?.split('?', 1)[0]}}`);
  return new StartedServer(running, database, env, `http://127.0.0.1:${port}`, dataDir, beside === undefined);
}

class StartedServer implements TestServer {
  readonly issuer: string;
  readonly admin: Credentials;
  private token: Promise<string> | undefined;

  constructor(
    readonly running: RunningServer,
    readonly database: TestDatabase,
    readonly env: Readonly<Record<string, string>>,
    private readonly base: string,
    private readonly dataDir: string,
    private readonly ownsDatabase: boolean,
  ) {
    this.issuer = env['ISSUER'] ?? base;
    this.admin = { client_id: env['BOOTSTRAP_CLIENT_ID'] ?? '', client_secret: env['BOOTSTRAP_CLIENT_SECRET'] ?? '' };
  }

  fetch(path: string, init?: RequestInit): Promise<Response> {
    return fetch(`${this.base}${path}`, init);
  }

  adminToken(): Promise<string> {
    this.token ??= this.tokenOf(this.admin);
    return this.token;
  }

  async asAdmin(method: string, path: string, body?: unknown): Promise<Response> {
    const headers: Record<string, string> = { authorization: `Bearer ${await this.adminToken()}` };
    if (body === undefined) return this.fetch(path, { method, headers });
    headers['content-type'] = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    return this.fetch(path, { method, headers, body: JSON.stringify(body) });
  }

  async createClient(members: Record<string, unknown>): Promise<Credentials> {
    const response = await this.asAdmin('POST', '/admin/oauth/clients', members);
    if (response.status !== 201) throw new Error(`client not created: ${response.status} ${await response.text()}`);
    return (await response.json()) as Credentials;
  }

  requestToken(credentials: Credentials, form: Record<string, string> | [string, string][] = {}): Promise<Response> {
    const body = new URLSearchParams(form);
    if (!body.has('grant_type')) body.set('grant_type', 'client_credentials');
    return this.fetch('/oauth/token', { method: 'POST', headers: { authorization: basic(credentials) }, body });
  }

  async tokenOf(credentials: Credentials, form?: Record<string, string> | [string, string][]): Promise<string> {
    const response = await this.requestToken(credentials, form);
    if (response.status !== 200) throw new Error(`no token: ${response.status} ${await response.text()}`);
    return ((await response.json()) as { access_token: string }).access_token;
  }

  async stop(): Promise<void> {
    await this.running.close();
    if (this.ownsDatabase) await this.database.drop();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}

/** RFC 6749 §2.3.1: both halves form-encoded, then joined and base64-encoded. */
export function basic({ client_id, client_secret }: Credentials): string {
  const encode = (text: string) => new URLSearchParams({ '': text }).toString().slice(1);
  return `Basic ${Buffer.from(`${encode(client_id)}:${encode(client_secret)}`).toString('base64')}`;
}
