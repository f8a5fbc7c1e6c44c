/**
 * A flood of wrong logins: the client goes on from its own address and from that of the flood, memory stays flat, the audit log
 * counts each and loses nothing else (security.md D14, U-11). `SIGNET_FLOOD_LOGINS` says how many; a hundred thousand take a minute.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { KeepAlive, rawTokenRequest } from '../support/keep-alive.js';
import { createMigratedDatabase } from '../support/migrated-database.js';
import type { TestDatabase } from '../support/postgres.js';
import { Scrape } from '../support/scrape.js';
import { basic, type Credentials, freePort } from '../support/server.js';
import { asDatabaseUrl, ServerBuild, type ServerProcess } from '../support/server-process.js';

const logins = Number(process.env['SIGNET_FLOOD_LOGINS'] ?? 20_000);
const connections = 32;
const floodAddress = '127.0.0.1';
const ownAddress = '127.0.1.1';

const admin = { client_id: 'admin', client_secret: randomBytes(32).toString('hex') };

let build: ServerBuild;
let database: TestDatabase;
let directory: string;
let port: number;
let server: ServerProcess;

beforeAll(async () => {
  build = new ServerBuild();
  database = await createMigratedDatabase();
  directory = await mkdtemp(join(tmpdir(), 'signet-flood-'));
  port = await freePort();
  server = build.start({
    cwd: directory,
    env: {
      DATABASE_URL: asDatabaseUrl(database.url),
      KEY_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
      BOOTSTRAP_CLIENT_ID: admin.client_id,
      BOOTSTRAP_CLIENT_SECRET: admin.client_secret,
      PORT: String(port),
    },
  });
  await server.ready();
});

afterAll(async () => {
  await build?.close();
  await database?.drop();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

async function adminToken(): Promise<string> {
  const response = await server.fetch('/oauth/token', {
    method: 'POST',
    headers: { authorization: basic(admin) },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
  return ((await response.json()) as { access_token: string }).access_token;
}

async function createClient(token: string, clientName: string): Promise<Credentials> {
  const response = await server.fetch('/admin/oauth/clients', {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ client_name: clientName }),
  });
  expect(response.status).toBe(201);
  return (await response.json()) as Credentials;
}

async function residentMemory(): Promise<number> {
  const metrics = new Scrape(await (await server.fetch('/metrics')).text());
  return metrics.value('process_resident_memory_bytes');
}

/** `count` wrong logins, half of them in the name of `client`, half in made-up ones; how they were answered. */
async function flood(client: Credentials, count: number): Promise<Map<number, number>> {
  const statuses = new Map<number, number>();
  let sent = 0;
  const lanes = Array.from({ length: connections }, async () => {
    const connection = await KeepAlive.open(port, floodAddress);
    while (sent < count) {
      sent += 1;
      const name = sent % 2 === 0 ? client.client_id : `made-up-${sent}`;
      const status = await connection.send(rawTokenRequest(name, 'wrong'));
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    connection.close();
  });
  await Promise.all(lanes);
  return statuses;
}

/** What goes on beside the flood: right logins of the client from both addresses, and the work of an administrator. */
class Beside {
  readonly statuses: Record<string, Set<number>> = { [floodAddress]: new Set(), [ownAddress]: new Set() };
  readonly created: string[] = [];
  private ended = false;

  constructor(
    private readonly client: Credentials,
    private readonly token: string,
  ) {}

  async during<Result>(work: () => Promise<Result>): Promise<Result> {
    const running = [this.logsIn(floodAddress), this.logsIn(ownAddress), this.administers()];
    try {
      return await work();
    } finally {
      this.ended = true;
      await Promise.all(running);
    }
  }

  private async logsIn(address: string): Promise<void> {
    const connection = await KeepAlive.open(port, address);
    const request = rawTokenRequest(this.client.client_id, this.client.client_secret);
    while (!this.ended) this.statuses[address]?.add(await connection.send(request));
    connection.close();
  }

  private async administers(): Promise<void> {
    while (!this.ended) {
      this.created.push((await createClient(this.token, `C${this.created.length}`)).client_id);
    }
  }
}

interface Denied {
  readonly entries: number;
  readonly aggregated: number;
  readonly counted: number;
}

it(`${logins} wrong logins from one address stop nobody else, and are all accounted for`, async () => {
  const token = await adminToken();
  const client = await createClient(token, 'Victim');
  const beside = new Beside(client, token);
  const { statuses, before, after } = await beside.during(async () => {
    // What is warm after the first half is what there is.
    const first = await flood(client, logins / 2);
    const memory = await residentMemory();
    const second = await flood(client, logins / 2);
    const sum = new Map([401, 429].map((status) => [status, (first.get(status) ?? 0) + (second.get(status) ?? 0)]));
    return { statuses: sum, before: memory, after: await residentMemory() };
  });

  expect([...statuses.values()].reduce((sum, count) => sum + count, 0)).toBe(logins);
  expect(statuses.get(429)).toBeGreaterThan(logins / 4);
  expect(beside.statuses).toEqual({ [floodAddress]: new Set([200]), [ownAddress]: new Set([200]) });
  expect(after - before).toBeLessThan(64 * 1024 * 1024);

  const verified = await server.fetch('/admin/oauth/audit-logs/verify', {
    headers: { authorization: `Bearer ${token}` },
  });
  expect(await verified.json()).toMatchObject({ intact: true });
  // What is still counted in memory is written at the end.
  expect(await server.stop()).toBe(0);
  const ledger = new Client({ connectionString: database.url });
  await ledger.connect();
  try {
    const denied = await ledger.query<Denied>(
      `SELECT count(*)::int AS entries, count(*) FILTER (WHERE details ? 'aggregated')::int AS aggregated,
         sum(coalesce((details->>'count')::int, 1))::int AS counted
       FROM audit_log WHERE action = 'token.denied'`,
    );
    expect(denied.rows[0]?.counted).toBe(logins);
    expect(denied.rows[0]?.aggregated).toBeGreaterThan(0);
    expect(denied.rows[0]?.entries).toBeLessThan(logins / 2 + 10_000);
    const created = await ledger.query<{ target_id: string }>(
      `SELECT target_id FROM audit_log WHERE action = 'client.created' AND success AND actor_client_id = 'admin'`,
    );
    const entries = new Set(created.rows.map(({ target_id }) => target_id));
    expect(beside.created.length).toBeGreaterThan(0);
    expect([client.client_id, ...beside.created].filter((clientId) => !entries.has(clientId))).toEqual([]);
  } finally {
    await ledger.end();
  }
}, 600_000);
