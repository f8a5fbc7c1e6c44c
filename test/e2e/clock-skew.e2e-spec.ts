/** Servers on machines whose clocks are wrong: the database's counts (security.md, threat 35, U-09). */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { createMigratedDatabase } from '../support/migrated-database.js';
import type { TestDatabase } from '../support/postgres.js';
import { basic, type Credentials, freePort } from '../support/server.js';
import { asDatabaseUrl, ServerBuild, type ServerProcess } from '../support/server-process.js';

const hour = 3_600_000;
const admin: Credentials = { client_id: 'operator', client_secret: randomBytes(32).toString('hex') };
const preload = join(import.meta.dirname, '..', 'support', 'shifted-clock.cjs');

let build: ServerBuild;
let database: TestDatabase;
const directories: string[] = [];
let right: ServerProcess;
let behind: ServerProcess;
let ahead: ServerProcess;

beforeAll(async () => {
  build = new ServerBuild();
  database = await createMigratedDatabase();
  const key = randomBytes(32).toString('base64');
  const start = async (shiftMs: number) => {
    const cwd = mkdtempSync(join(tmpdir(), 'signet-skew-'));
    directories.push(cwd);
    const env = {
      PORT: String(await freePort()),
      DATABASE_URL: asDatabaseUrl(database.url),
      ISSUER: 'http://localhost:3000',
      KEY_ENCRYPTION_KEY: key,
      BOOTSTRAP_CLIENT_ID: admin.client_id,
      BOOTSTRAP_CLIENT_SECRET: admin.client_secret,
      ...(shiftMs === 0 ? {} : { NODE_OPTIONS: `--require ${preload}`, SHIFT_MS: String(shiftMs) }),
    };
    return build.start({ cwd, env }).ready();
  };
  right = await start(0);
  behind = await start(-hour);
  ahead = await start(48 * hour);
});

afterAll(async () => {
  await build.close();
  await database.drop();
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

async function post(server: ServerProcess, path: string, form: Record<string, string>): Promise<Response> {
  const headers = { authorization: basic(admin) };
  return server.fetch(path, { method: 'POST', headers, body: new URLSearchParams(form) });
}

async function tokenOf(server: ServerProcess): Promise<string> {
  const response = await post(server, '/oauth/token', { grant_type: 'client_credentials' });
  expect(response.status).toBe(200);
  return ((await response.json()) as { access_token: string }).access_token;
}

async function isActive(server: ServerProcess, token: string): Promise<boolean> {
  const response = await post(server, '/oauth/introspect', { token });
  return ((await response.json()) as { active: boolean }).active;
}

const servers = () => [right, behind, ahead];

it('U-09: each gives tokens that are good on all of them, and live as long as they say', async () => {
  for (const issuing of servers()) {
    const token = await tokenOf(issuing);
    const { iat = 0, exp = 0 } = decodeJwt(token);
    expect(Math.abs(iat - Date.now() / 1_000)).toBeLessThan(10);
    expect(exp - iat).toBe(600);
    for (const server of servers()) {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const body = JSON.stringify({ client_name: 'Written' });
      expect((await server.fetch('/admin/oauth/clients', { method: 'POST', headers, body })).status).toBe(201);
      expect(await isActive(server, token)).toBe(true);
    }
  }
});

it('I-09: what one of them revokes is dead on all of them', async () => {
  for (const revoking of servers()) {
    const token = await tokenOf(right);
    expect((await post(revoking, '/oauth/revoke', { token })).status).toBe(200);
    for (const server of servers()) expect(await isActive(server, token)).toBe(false);
  }
});

it('U-09: the chain of the log verifies, and the newest entry stands first', async () => {
  const headers = { authorization: `Bearer ${await tokenOf(ahead)}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ client_id: 'the-last', client_name: 'Last' });
  expect((await behind.fetch('/admin/oauth/clients', { method: 'POST', headers, body })).status).toBe(201);
  const verdict = await ahead.fetch('/admin/oauth/audit-logs/verify', { headers });
  expect(await verdict.json()).toMatchObject({ intact: true });
  const list = await right.fetch('/admin/oauth/audit-logs?action=client.created', { headers });
  expect(await list.json()).toMatchObject({ items: { 0: { target_id: 'the-last' } } });
});
