import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CommandOutcome, runSignet } from '../support/command-line.js';
import { startReceiver } from '../support/receiver.js';
import { type Credentials, startServer, type TestServer } from '../support/server.js';
import { ServerBuild } from '../support/server-process.js';

let build: ServerBuild;
let server: TestServer;
let publisher: Credentials;
let directory: string;

beforeAll(async () => {
  build = new ServerBuild();
  server = await startServer({ env: { EVENT_TARGET_NETWORKS: '127.0.0.0/8' } });
  publisher = await server.createClient({ client_id: 'shop', client_name: 'Shop', scope: 'events:publish' });
  directory = mkdtempSync(join(tmpdir(), 'signet-cli-events-'));
});

afterAll(async () => {
  await server.stop();
  await build.close();
  rmSync(directory, { recursive: true, force: true });
});

function signet(...args: readonly string[]): Promise<CommandOutcome> {
  const { client_id, client_secret } = server.admin;
  const env = { SIGNET_URL: server.issuer, SIGNET_CLIENT_ID: client_id, SIGNET_CLIENT_SECRET: client_secret };
  return runSignet(build, args, { env, cwd: directory });
}

/** The JSON of a command that must succeed, and that says nothing else. */
async function json(...args: readonly string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await signet(...args, '--json');
  expect([code, stderr]).toEqual([0, '']);
  return stdout === '' ? {} : (JSON.parse(stdout) as Record<string, unknown>);
}

async function items(...args: readonly string[]): Promise<Record<string, unknown>[]> {
  return (await json(...args))['items'] as Record<string, unknown>[];
}

async function publish(id: string): Promise<void> {
  const headers = {
    authorization: `Bearer ${await server.tokenOf(publisher)}`,
    'content-type': 'application/cloudevents+json',
  };
  const body = JSON.stringify({ specversion: '1.0', id, source: 'shop', type: 'order.created' });
  expect((await server.fetch('/events', { method: 'POST', headers, body })).status).toBe(202);
}

async function until<Found>(look: () => Promise<Found | undefined>): Promise<Found> {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

it('signet events takes a subscription, its deliveries and its dead letters through their life', async () => {
  let status = 500;
  const { url, close } = await startReceiver(() => status);
  const file = join(directory, 'subscription.yaml');
  writeFileSync(file, `name: orders\nurl: ${url}\nevent_types: ['order.*']\nretry: { backoff_seconds: [1] }\n`);
  const secretFile = join(directory, 'secret.json');
  const made = await json('events', 'subscriptions', 'create', '--file', file, '--secret-file', secretFile);
  const id = String(made['id']);
  expect(JSON.stringify(made)).not.toContain('whsec_');
  expect(statSync(secretFile).mode & 0o777).toBe(0o600);
  expect(JSON.parse(readFileSync(secretFile, 'utf8'))).toEqual({
    id,
    signing_secret: expect.stringMatching(/^whsec_/),
  });
  expect(await items('events', 'subscriptions', 'list')).toMatchObject([{ id, name: 'orders', status: 'active' }]);

  await publish('1');
  const letter = await until(async () => (await items('events', 'dead-letters', 'list', '--subscription', id))[0]);
  expect(letter).toMatchObject({ event_type: 'order.created', reason: 'attempts_exhausted' });
  const deliveries = await items('events', 'deliveries', 'list', '--subscription', id, '--status', 'dead');
  expect(await json('events', 'deliveries', 'get', String(deliveries[0]?.['id']))).toMatchObject({
    attempts: [{ status_code: 500 }, { status_code: 500 }],
  });
  expect(await json('events', 'dead-letters', 'replay', '--all', '--dry-run')).toMatchObject({ replayed: 1 });
  expect((await signet('events', 'dead-letters', 'replay')).code).toBe(2);
  status = 204;
  expect((await signet('events', 'dead-letters', 'replay', String(letter['id']))).stdout).toContain(
    'is delivered again',
  );
  await until(async () => (await items('events', 'deliveries', 'list', '--status', 'succeeded'))[0]);
  expect((await signet('events', 'dead-letters', 'delete', String(letter['id']))).code).toBe(1);
  expect(await items('events', 'metrics')).toMatchObject([{ subscription_id: id, succeeded: 1, dead: 0 }]);
  expect((await signet('events', 'metrics')).stdout).toMatch(/^SUBSCRIPTION_ID .*\n.*1 /);

  expect((await signet('events', 'subscriptions', 'pause', id)).stdout).toBe(`${id} is paused\n`);
  expect((await signet('events', 'subscriptions', 'resume', id)).stdout).toBe(`${id} is active\n`);
  expect((await signet('events', 'subscriptions', 'test', id)).stdout).toBe('a test event is on its way\n');
  const rotated = await json('events', 'subscriptions', 'rotate-secret', id, '--overlap', '60');
  expect(rotated['signing_secret']).toMatch(/^whsec_/);
  writeFileSync(file, '{"max_in_flight": 3}');
  expect(await json('events', 'subscriptions', 'update', id, '--file', file)).toMatchObject({ max_in_flight: 3 });
  expect((await signet('events', 'subscriptions', 'delete', id)).stdout).toBe(`${id} is deleted\n`);
  expect((await signet('events', 'subscriptions', 'get', id)).code).toBe(1);
  await close();
});

it('signet apply makes subscriptions by name, keeps their secrets, and is idempotent', async () => {
  const file = join(directory, 'signet.yaml');
  const declare = (types: string) =>
    writeFileSync(
      file,
      `subscriptions:\n  - name: billing\n    url: http://127.0.0.1:9/hook\n    event_types: [${types}]\n    auth: { type: none }\n`,
    );
  declare('order.paid');
  expect((await signet('apply', '-f', file)).stderr).toContain('--secrets-dir: is required');
  expect((await signet('apply', '-f', file, '--secrets-dir', 'secrets')).stdout).toContain('1 created, 0 changed');
  expect(JSON.parse(readFileSync(join(directory, 'secrets', 'subscription-billing.json'), 'utf8'))).toMatchObject({
    name: 'billing',
    signing_secret: expect.stringMatching(/^whsec_/) as string,
  });
  expect((await signet('plan', '-f', file)).stdout).toContain('0 to create, 0 to change');
  declare('order.paid, order.refunded');
  expect((await signet('plan', '-f', file)).stdout).toContain(
    'event_types: ["order.paid"] -> ["order.paid","order.refunded"]',
  );
  expect((await signet('apply', '-f', file)).stdout).toContain('0 created, 1 changed');
  const exported = (await signet('export')).stdout;
  expect(exported).toContain('name: billing');
  expect(exported).not.toContain('whsec_');

  const twin = { name: 'billing', url: 'http://127.0.0.1:9/twin', event_types: ['order.paid'] };
  expect((await server.asAdmin('POST', '/admin/events/subscriptions', twin)).status).toBe(201);
  const refusal = 'signet: there are two subscriptions called billing; rename one\n';
  for (const args of [['export'], ['export', '--json'], ['plan', '-f', file]]) {
    expect(await signet(...args)).toEqual({ code: 1, stdout: '', stderr: refusal });
  }
});

it('signet statistics shows what was issued', async () => {
  const { tokens } = await json('statistics', '--bucket', 'day');
  const { stdout } = await signet('statistics');
  expect(Number((tokens as Record<string, number>)['issued'])).toBeGreaterThan(0);
  expect(stdout).toMatch(/^CLIENTS\n {2}total +2\n/);
  expect((await signet('statistics', '--from', 'yesterday')).stderr).toContain('/from');
});
