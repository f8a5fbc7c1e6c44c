import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { type CommandOutcome, runSignet } from '../support/command-line.js';
import { createMigratedDatabase } from '../support/migrated-database.js';
import type { TestDatabase } from '../support/postgres.js';
import { type Credentials, freePort } from '../support/server.js';
import { asDatabaseUrl, ServerBuild, type ServerProcess } from '../support/server-process.js';

const admin: Credentials = { client_id: 'operator', client_secret: randomBytes(32).toString('hex') };

let build: ServerBuild;
let database: TestDatabase;
let server: ServerProcess;
let directory: string;
let url: string;
const outcomes: CommandOutcome[] = [];

beforeAll(async () => {
  build = new ServerBuild();
  database = await createMigratedDatabase();
  directory = mkdtempSync(join(tmpdir(), 'signet-cli-'));
  const port = String(await freePort());
  url = `http://127.0.0.1:${port}`;
  const env = {
    PORT: port,
    DATABASE_URL: asDatabaseUrl(database.url),
    KEY_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    BOOTSTRAP_CLIENT_ID: admin.client_id,
    BOOTSTRAP_CLIENT_SECRET: admin.client_secret,
  };
  server = await build.start({ cwd: directory, env }).ready();
});

afterAll(async () => {
  await server.stop();
  await build.close();
  await database.drop();
  rmSync(directory, { recursive: true, force: true });
});

async function signet(args: readonly string[], env: Record<string, string> = {}): Promise<CommandOutcome> {
  const own = { SIGNET_URL: url, SIGNET_CLIENT_ID: admin.client_id, SIGNET_CLIENT_SECRET: admin.client_secret };
  const outcome = await runSignet(build, args, { env: { ...own, ...env }, cwd: directory });
  if (!args.includes('token')) outcomes.push(outcome);
  return outcome;
}

/** The JSON of a command that must succeed, and that says nothing else. */
async function json<Answer = Record<string, unknown>>(...args: readonly string[]): Promise<Answer> {
  const { code, stdout, stderr } = await signet([...args, '--json']);
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as Answer;
}

async function text(...args: readonly string[]): Promise<string> {
  const { code, stdout } = await signet(args);
  expect(code).toBe(0);
  return stdout;
}

function idOf({ secret_id: id }: Readonly<Record<string, unknown>>): unknown {
  return id;
}

interface Page {
  readonly items: readonly Record<string, unknown>[];
  readonly next_cursor: string | null;
}

describe('signet clients', () => {
  it('takes a client through its life', async () => {
    const members = ['--name', 'Billing', '--scope', 'read:profile', '--audience', 'https://a.example'];
    const created = await json('clients', 'create', '--client-id', 'billing', ...members);
    expect(created).toMatchObject({ client_id: 'billing', scope: 'read:profile', audience: ['https://a.example'] });

    const more = ['--audience', 'https://a.example', '--audience', 'https://b.example', '--rate-limit', '60', '--dpop'];
    expect(await json('clients', 'update', 'billing', ...more)).toMatchObject({
      audience: ['https://a.example', 'https://b.example'],
      rate_limit_per_minute: 60,
      dpop_bound_access_tokens: true,
    });
    expect(await json('clients', 'update', 'billing', '--unset', 'rate_limit_per_minute', '--no-dpop')).toMatchObject({
      rate_limit_per_minute: null,
      dpop_bound_access_tokens: false,
    });
    expect(await json('clients', 'disable', 'billing')).toMatchObject({ status: 'disabled' });
    expect(await text('clients', 'enable', 'billing')).toBe('billing is active\n');
    expect(await json('clients', 'revoke-tokens', 'billing')).toEqual({ revoked: 0 });
    const secret = await json('clients', 'regenerate-secret', 'billing', '--overlap', '60');
    const shown = await text('clients', 'get', 'billing');
    expect(shown).toContain(String(secret['secret_id']));
    for (const { client_secret: value } of [created, secret]) expect(shown).not.toContain(value);
    const [old] = (created['secrets'] as { secret_id: string }[]).map(({ secret_id: id }) => id);
    expect(await text('clients', 'delete-secret', 'billing', old ?? '')).toBe(`the secret ${old} is deleted\n`);
    const next = await json('secrets', 'regenerate', 'billing', '--overlap', '60');
    const left = await json<Page>('secrets', 'list', 'billing');
    expect(left).toMatchObject({ items: [{}, {}], next_cursor: null });
    expect(new Set(left.items.map(idOf))).toEqual(new Set([secret, next].map(idOf)));
    const table = await text('secrets', 'list', 'billing');
    expect(table).toMatch(/^SECRET_ID +HINT +CREATED +EXPIRES +LAST_USED\n/);
    for (const { client_secret: value } of [secret, next]) expect(table).not.toContain(value);
    expect(await text('secrets', 'delete', 'billing', String(idOf(secret)))).toMatch(/^the secret .+ is deleted$/m);
    expect(await text('clients', 'delete', 'billing')).toBe('billing is deleted\n');
    expect(await signet(['clients', 'get', 'billing'])).toEqual({
      code: 1,
      stdout: '',
      stderr: 'signet: there is no client of this identifier (404)\n',
    });
  });

  it('takes members from a file, and options before them', async () => {
    const file = join(directory, 'client.json');
    writeFileSync(
      file,
      JSON.stringify({ client_name: 'From a file', metadata: { team: 'a' }, contacts: ['x@a.example'] }),
    );
    const created = await json('clients', 'create', '--file', file, '--name', 'From an option');
    expect(created).toMatchObject({
      client_name: 'From an option',
      metadata: { team: 'a' },
      contacts: ['x@a.example'],
    });
  });

  it('writes a secret to a new file that only its owner can read, and shows it nowhere', async () => {
    const file = join(directory, 'worker.json');
    const create = ['clients', 'create', '--client-id', 'worker', '--name', 'Worker', '--secret-file', file];
    const outcome = await signet(create);
    expect(outcome.code).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const credentials = JSON.parse(readFileSync(file, 'utf8')) as Credentials;
    expect(outcome.stdout + outcome.stderr).not.toContain(credentials.client_secret);

    const again = await signet(['clients', 'regenerate-secret', 'worker', '--secret-file', file]);
    expect([again.code, again.stdout]).toEqual([1, '']);
    expect(again.stderr).toContain('is there already');
    // Nothing was asked of the server: the secret still works.
    expect((await signet(['--credentials', file, 'token'])).code).toBe(0);

    const other = join(directory, 'other.json');
    expect(
      (await signet(['clients', 'create', '--client-id', 'worker', '--name', 'x', '--secret-file', other])).code,
    ).toBe(1);
    expect(existsSync(other)).toBe(false);
  });

  it('follows the pages as far as it is asked to', async () => {
    for (const name of ['one', 'two', 'three']) await json('clients', 'create', '--name', name);
    const all = await json<Page>('clients', 'list', '--all');
    expect(all.next_cursor).toBeNull();
    const two = await json<Page>('clients', 'list', '--limit', '2');
    expect(two.items).toEqual(all.items.slice(0, 2));
    expect(two.next_cursor).not.toBeNull();
    const { stdout, stderr } = await signet(['clients', 'list', '--limit', '1']);
    expect(stdout.split('\n')).toHaveLength(3);
    expect(stderr).toBe('there are more: --limit N, or --all\n');
    expect((await json<Page>('clients', 'list', '--query', 'thre')).items).toMatchObject([{ client_name: 'three' }]);
  });

  it('follows over more pages than one', async () => {
    const token = (await text('token')).trim();
    const init = { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' } };
    const names = Array.from({ length: 205 }, (_, index) => `many:s${index}`);
    for (const name of names) {
      expect((await server.fetch('/admin/oauth/scopes', { ...init, body: JSON.stringify({ name }) })).status).toBe(201);
    }
    const listed = (await json<Page>('scopes', 'list', '--all')).items.map(({ name }) => name);
    expect(listed.filter((name) => String(name).startsWith('many:'))).toEqual(names.toReversed());
    expect((await json<Page>('scopes', 'list', '--limit', '203')).items).toHaveLength(203);
  });
});

describe('signet scopes, keys, tokens', () => {
  it('keep the registry', async () => {
    expect(await json('scopes', 'create', 'read:x', '--description', 'X')).toMatchObject({ description: 'X' });
    expect(await json('scopes', 'update', 'read:x', '--description', 'Y')).toMatchObject({ description: 'Y' });
    expect(await text('scopes', 'list')).toMatch(/^NAME +DESCRIPTION\nread:x +Y\n/);
    expect(await text('scopes', 'delete', 'read:x')).toBe('read:x is deleted\n');
  });

  it('rotate and revoke keys', async () => {
    const { kid } = await json('keys', 'rotate');
    expect(await text('keys', 'list')).toMatch(new RegExp(`^${String(kid)} +RS256 +pending`, 'm'));
    expect(await text('keys', 'revoke', String(kid), '--reason', 'a drill')).toBe(`${String(kid)} is revoked\n`);
    expect(await json('keys', 'rotate', '--immediate')).toMatchObject({ status: 'active' });
  });

  it('get, list and revoke tokens', async () => {
    const token = (await text('token', '--scope', 'admin:oauth')).trim();
    const { jti, scope } = decodeJwt(token);
    expect(scope).toBe('admin:oauth');
    const listed = await json<Page>('tokens', 'list', '--client', admin.client_id, '--status', 'active');
    expect(listed.items.map((item) => item['jti'])).toContain(jti);
    expect(await text('tokens', 'revoke', jti ?? '', '--reason', 'a drill')).toBe(`${jti} is revoked\n`);
    const headers = { authorization: `Bearer ${token}` };
    expect((await server.fetch('/admin/oauth/clients', { headers })).status).toBe(401);
    expect(await json('token')).toMatchObject({ token_type: 'Bearer', scope: 'admin:full' });
  });
});

describe('signet audit', () => {
  it('lists, exports and verifies', async () => {
    await json('scopes', 'create', 'read:audited');
    expect(await text('audit', 'list', '--action', 'scope.created', '--success', '--limit', '1')).toMatch(
      /^OCCURRED .*\n\S+ +scope\.created +ok +operator +scope read:audited +127\.0\.0\.1\n$/,
    );
    const lines = (await text('audit', 'export', '--action', 'scope.created')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as object)).toContainEqual(
      expect.objectContaining({ action: 'scope.created', target_id: 'read:audited' }),
    );
    const file = join(directory, 'log.csv');
    expect(await text('audit', 'export', '--format', 'csv', '--output', file)).toBe('');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toContain('read:audited');
    expect((await signet(['audit', 'export', '--output', file])).code).toBe(1);
    expect(await json('audit', 'verify')).toMatchObject({ intact: true });
  });

  it('shows what strangers have written without obeying it', async () => {
    const headers = { authorization: `Basic ${btoa('operator:wrong')}`, 'user-agent': 'x\u009b2J' };
    const body = new URLSearchParams({ grant_type: 'client_credentials' });
    expect((await server.fetch('/oauth/token', { method: 'POST', headers, body })).status).toBe(401);
    const { stdout } = await signet(['audit', 'list', '--failure', '--json']);
    expect(stdout).toMatch(/^[\n\u0020-\u007e]*$/);
    expect(stdout).toContain('invalid_client');
  });
});

describe('signet plan, apply and export', () => {
  const declaration = () => join(directory, 'signet.yaml');
  const secrets = () => join(directory, 'secrets');

  it('make what was declared so, once', async () => {
    writeFileSync(
      declaration(),
      `scopes:
  - { name: stock:read, description: Read the stock }
clients:
  - { client_id: declared, client_name: Declared, scope: stock:read, allowed_networks: [10.0.0.0/8] }
  - { client_id: dormant, client_name: Dormant, status: disabled }
`,
    );
    const plan = await signet(['plan', '-f', declaration(), '--exit-code']);
    expect(plan.code).toBe(1);
    expect(plan.stdout).toContain('+ scope stock:read\n    description: "Read the stock"\n');
    expect(plan.stdout).toMatch(/^\? client operator {2}\(not declared\)$/m);
    const without = await signet(['apply', '-f', declaration()]);
    expect([without.code, without.stderr]).toEqual([2, expect.stringContaining('--secrets-dir')]);
    const applied = await signet(['apply', '-f', declaration(), '--secrets-dir', secrets()]);
    expect([applied.code, applied.stderr]).toEqual([0, '']);
    expect(applied.stdout).toMatch(/^3 created, 0 changed$/m);
    const file = join(secrets(), 'declared.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect((await signet(['--credentials', file, 'token'])).code).toBe(4);
    expect(await json('clients', 'get', 'declared')).toMatchObject({ scope: 'stock:read', status: 'active' });
    expect(await json('clients', 'get', 'dormant')).toMatchObject({ status: 'disabled' });
    expect((await signet(['plan', '-f', declaration(), '--exit-code'])).code).toBe(0);
  });

  it('show drift and end it', async () => {
    await json('clients', 'update', 'declared', '--name', 'Drifted');
    const plan = await text('plan', '-f', declaration());
    expect(plan).toContain('~ client declared\n    client_name: "Drifted" -> "Declared"\n');
    expect(await text('apply', '-f', declaration())).toMatch(/^0 created, 1 changed$/m);
    expect(await json('clients', 'get', 'declared')).toMatchObject({ client_name: 'Declared' });
  });

  it('read what they wrote, without secrets', async () => {
    const exported = await text('export');
    const { client_secret: secret } = JSON.parse(readFileSync(join(secrets(), 'declared.json'), 'utf8')) as Credentials;
    expect(exported).not.toContain(secret);
    writeFileSync(declaration(), exported);
    expect(await text('plan', '-f', declaration(), '--exit-code')).toBe('0 to create, 0 to change, 0 not declared\n');
  });

  it('say what could not be done', async () => {
    writeFileSync(declaration(), 'clients: [{ client_id: faulty, client_name: x, scope: not:registered }]');
    const outcome = await signet(['apply', '-f', declaration(), '--secrets-dir', secrets()]);
    expect([outcome.code, outcome.stdout]).toEqual([1, '']);
    expect(outcome.stderr).toMatch(/^signet: client faulty: \/scope: /);
    expect(existsSync(join(secrets(), 'faulty.json'))).toBe(false);
  });
});

describe('signet, refused', () => {
  it('says each fault of what was sent', async () => {
    const { code, stdout, stderr } = await signet([
      'clients',
      'create',
      '--client-id',
      'x',
      '--access-token-ttl',
      '1',
      '--name',
      '',
    ]);
    expect([code, stdout]).toEqual([1, '']);
    expect(
      stderr
        .split('\n')
        .map((line) => line.split(': ').slice(0, 2).join(' '))
        .toSorted(),
    ).toEqual(['', 'signet /access_token_ttl_seconds', 'signet /client_id', 'signet /client_name']);
  });

  it('answers 4 to credentials that are wrong or too weak', async () => {
    const wrong = await signet(['clients', 'list'], { SIGNET_CLIENT_SECRET: 'canary-wrong-secret' });
    expect([wrong.code, wrong.stdout]).toEqual([4, '']);
    expect(wrong.stderr).toMatch(/^signet: invalid_client/);
    const worker = await signet(['--credentials', join(directory, 'worker.json'), 'clients', 'list']);
    expect([worker.code, worker.stderr]).toEqual([4, 'signet: this client has no scope of the admin API\n']);
    const events = join(directory, 'events.json');
    const create = ['clients', 'create', '--name', 'Events', '--scope', 'admin:events', '--secret-file', events];
    expect((await signet(create)).code).toBe(0);
    expect((await signet(['--credentials', events, 'clients', 'list'])).code).toBe(4);
  });

  it('is told by something that is no Signet server, and sends no credentials after a redirect', async () => {
    const seen: string[] = [];
    const stranger = createServer((request, response) => {
      seen.push(request.url ?? '');
      if (request.url?.startsWith('/moved')) response.writeHead(302, { location: '/elsewhere' }).end();
      else response.end('<html>hello</html>');
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => stranger.once('listening', resolve));
    const address = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`;
    const html = await signet(['--url', address, 'clients', 'list']);
    expect([html.code, html.stderr]).toEqual([
      1,
      'signet: this is not the answer of a Signet server; is the URL right?\n',
    ]);
    expect((await signet(['--url', `${address}/moved`, 'clients', 'list'])).code).toBe(1);
    stranger.close();
    expect(seen.filter((path) => path.startsWith('/elsewhere'))).toEqual([]);
  });

  it('has shown no secret and no token that it was not asked for', () => {
    const written = outcomes.map(({ stdout, stderr }) => stdout + stderr).join('\n');
    expect(outcomes.length).toBeGreaterThan(30);
    const { client_secret: secret } = JSON.parse(readFileSync(join(directory, 'worker.json'), 'utf8')) as Credentials;
    for (const value of [admin.client_secret, secret, 'canary-wrong-secret', 'eyJ'])
      expect(written).not.toContain(value);
  });
});
