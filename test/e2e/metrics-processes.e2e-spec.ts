/** `/metrics` of a server of several processes: whichever takes the scrape, the numbers are those of all. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createMigratedDatabase } from '../support/migrated-database.js';
import type { TestDatabase } from '../support/postgres.js';
import { Scrape } from '../support/scrape.js';
import { basic, freePort } from '../support/server.js';
import { asDatabaseUrl, ServerBuild, type ServerProcess } from '../support/server-process.js';

const admin = { client_id: 'operator', client_secret: randomBytes(32).toString('hex') };
const directory = mkdtempSync(join(tmpdir(), 'signet-metrics-'));
const headers = { connection: 'close' };

let build: ServerBuild;
let database: TestDatabase;
let server: ServerProcess;

beforeAll(async () => {
  build = new ServerBuild();
  database = await createMigratedDatabase();
  const env = {
    DATABASE_URL: asDatabaseUrl(database.url),
    KEY_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    BOOTSTRAP_CLIENT_ID: admin.client_id,
    BOOTSTRAP_CLIENT_SECRET: admin.client_secret,
    PORT: String(await freePort()),
    LOG_LEVEL: 'warn',
    WEB_CONCURRENCY: '2',
  };
  server = await build.start({ cwd: directory, env }).ready();
});

afterAll(async () => {
  await build?.close();
  await database?.drop();
  rmSync(directory, { recursive: true, force: true });
});

/** On a connection of its own, so that the processes take turns. */
async function scrape(): Promise<Scrape> {
  const response = await server.fetch('/metrics', { headers });
  expect(response.status).toBe(200);
  return new Scrape(await response.text());
}

async function requestToken(): Promise<number> {
  const body = new URLSearchParams({ grant_type: 'client_credentials' });
  const asked = { method: 'POST', headers: { ...headers, authorization: basic(admin) }, body };
  return (await server.fetch('/oauth/token', asked)).status;
}

const issued = 'signet_token_requests_total';

function processesOf(found: Scrape): string[] {
  return found.of('process_resident_memory_bytes').map(({ labels }) => labels['process'] ?? '');
}

it('every scrape tells of both, each under a number of its own', async () => {
  for (let request = 0; request < 20; request += 1) expect(await requestToken()).toBe(200);
  for (let round = 0; round < 6; round += 1) {
    const found = await scrape();
    const processes = processesOf(found);
    expect(new Set(processes).size).toBe(2);
    expect(found.value(issued, { outcome: 'issued' })).toBe(20);
    for (const process of processes) expect(found.value(issued, { outcome: 'issued', process })).toBeGreaterThan(0);
    for (const { value } of found.of('signet_signing_keys', { status: 'active' })) expect(value).toBe(1);
  }
});

it('many scrapes at once are each answered in full', async () => {
  const all = await Promise.all(Array.from({ length: 20 }, () => scrape()));
  for (const found of all) expect(new Set(processesOf(found)).size).toBe(2);
});

it('a process that dies is missed, not waited for, and its successor has another number', async () => {
  const pids = [...server.stderr.matchAll(/^process (\d+) answers$/gm)].map(([, pid]) => Number(pid));
  const before = new Set(processesOf(await scrape()));
  process.kill(pids[0] ?? 0, 'SIGKILL');
  for (const limit = Date.now() + 30_000; ; await sleep(100)) {
    const now = await scrape().then(processesOf, () => [] as string[]);
    if (now.length === 2 && now.some((name) => !before.has(name))) break;
    expect(Date.now()).toBeLessThan(limit);
  }
  expect(await server.stop()).toBe(0);
});
