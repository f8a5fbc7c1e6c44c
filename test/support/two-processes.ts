import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMigratedDatabase } from './migrated-database.js';
import type { TestDatabase } from './postgres.js';
import { basic, type Credentials, freePort } from './server.js';
import { asDatabaseUrl, ServerBuild, type ServerProcess } from './server-process.js';

/** How often a race is run: `npm run test:races` asks for 1,000 (security.md, "Concurrency and failure races"). */
export const raceRounds = Number(process.env['SIGNET_RACE_ROUNDS'] ?? 40);

/** For how long a race may go on: how fast the rounds are is not what is tested. */
export const raceLimitMs = 180_000 + raceRounds * 2_000;

/** Two server processes on one database, as users run them. */
export class TwoProcesses {
  private requests = 0;
  private token: Promise<string> | undefined;

  private constructor(
    readonly issuer: string,
    readonly database: TestDatabase,
    readonly one: ServerProcess,
    readonly other: ServerProcess,
    private readonly admin: Credentials,
    private readonly build: ServerBuild,
    private readonly directory: string,
  ) {}

  static async start(settings: Readonly<Record<string, string>> = {}): Promise<TwoProcesses> {
    const admin = { client_id: 'admin', client_secret: randomBytes(32).toString('hex') };
    const build = new ServerBuild();
    const database = await createMigratedDatabase();
    const directory = await mkdtemp(join(tmpdir(), 'signet-two-'));
    const issuer = 'http://127.0.0.1:3000';
    const env = {
      DATABASE_URL: asDatabaseUrl(database.url),
      KEY_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
      BOOTSTRAP_CLIENT_ID: admin.client_id,
      BOOTSTRAP_CLIENT_SECRET: admin.client_secret,
      ISSUER: issuer,
      ACCESS_TOKEN_TTL_SECONDS: '3600',
      // Each request comes from a network of its own: failures shall be what they are, not 429.
      TRUST_PROXY: '127.0.0.1',
      ...settings,
    };
    const start = async () => build.start({ cwd: directory, env: { ...env, PORT: String(await freePort()) } });
    const [one, other] = await Promise.all([start(), start()]);
    await Promise.all([one.ready(), other.ready()]);
    return new TwoProcesses(issuer, database, one, other, admin, build, directory);
  }

  /** One process for even numbers, the other for odd ones. */
  at(number: number): ServerProcess {
    return number % 2 === 0 ? this.one : this.other;
  }

  /** A form to an OAuth endpoint of a process. */
  post(
    server: ServerProcess,
    path: string,
    form: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    this.requests += 1;
    const { requests } = this;
    const address = `10.${(requests >> 16) & 255}.${(requests >> 8) & 255}.${requests & 255}`;
    return server.fetch(path, {
      method: 'POST',
      headers: { 'x-forwarded-for': address, ...headers },
      body: new URLSearchParams(form),
    });
  }

  /** `POST /oauth/token` with client_secret_basic. */
  requestToken(
    server: ServerProcess,
    credentials: Credentials,
    form: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    const body = { grant_type: 'client_credentials', ...form };
    return this.post(server, '/oauth/token', body, { authorization: basic(credentials) });
  }

  /** Calls the admin API of a process with a token of the bootstrap client. */
  async asAdmin(server: ServerProcess, method: string, path: string, body?: unknown): Promise<Response> {
    const headers: Record<string, string> = { authorization: `Bearer ${await this.adminToken()}` };
    if (body === undefined) return server.fetch(path, { method, headers });
    headers['content-type'] = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    return server.fetch(path, { method, headers, body: JSON.stringify(body) });
  }

  /** Registers a client; fails unless the answer is 201. */
  async createClient(members: Record<string, unknown>): Promise<Credentials> {
    const response = await this.asAdmin(this.one, 'POST', '/admin/oauth/clients', members);
    if (response.status !== 201) throw new Error(`client not created: ${response.status} ${await response.text()}`);
    return (await response.json()) as Credentials;
  }

  async stop(): Promise<void> {
    await this.build.close();
    await this.database.drop();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** An access token of the bootstrap client, asked for once. */
  async adminToken(): Promise<string> {
    this.token ??= this.requestToken(this.one, this.admin).then(
      async (response) => ((await response.json()) as { access_token: string }).access_token,
    );
    return this.token;
  }
}
