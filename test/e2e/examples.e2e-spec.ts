import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runSignet } from '../support/command-line.js';
import { type Credentials, freePort, startServer, type TestServer } from '../support/server.js';
import { ServerBuild } from '../support/server-process.js';

const project = dirname(dirname(import.meta.dirname));
const audience = 'https://orders.example.com';
const debian = { GO111MODULE: 'off', GOPATH: '/usr/share/gocode' };

interface Example {
  readonly name: string;
  readonly server: readonly string[];
  readonly client: readonly string[];
  /** What must succeed for it to run here. */
  readonly needs?: readonly string[];
  readonly packages?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const onNode = (name: string): Example => ({
  name,
  server: [process.execPath, `examples/${name}/server.mjs`],
  client: [process.execPath, `examples/${name}/client.mjs`],
});

const examples: readonly Example[] = [
  ...['express', 'fastify', 'nestjs'].map(onNode),
  {
    name: 'python-fastapi',
    server: ['/usr/bin/python3', 'examples/python-fastapi/server.py'],
    client: ['/usr/bin/python3', 'examples/python-fastapi/client.py'],
    needs: ['/usr/bin/python3', '-c', 'import fastapi, uvicorn, jwt, cryptography'],
    packages: 'python3-fastapi python3-uvicorn python3-jwt python3-cryptography',
  },
  {
    name: 'go',
    server: ['go', 'run', 'examples/go/main.go', 'serve'],
    client: ['go', 'run', 'examples/go/main.go', 'call'],
    needs: ['go', 'list', 'github.com/golang-jwt/jwt'],
    packages: 'golang-go golang-github-golang-jwt-jwt-dev',
    env: debian,
  },
];

let server: TestServer;
let caller: Credentials;
let directory: string;
let children: ChildProcess[];

beforeAll(async () => {
  execFileSync(process.execPath, [join(project, 'sdk', 'build.mjs')], { stdio: ['ignore', 'inherit', 'inherit'] });
  directory = mkdtempSync(join(tmpdir(), 'signet-examples-'));
  server = await startServer({ env: { EVENT_TARGET_NETWORKS: '127.0.0.0/8' } });
  caller = await server.createClient({ client_name: 'Shop', scope: 'read:profile', audience: [audience] });
});
afterAll(async () => {
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});
beforeEach(() => {
  children = [];
});
afterEach(async () => {
  for (const child of children) {
    // `go run` is the parent of what it runs.
    if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  }
  await Promise.all(children.filter(({ exitCode }) => exitCode === null).map((child) => once(child, 'close')));
});

/** Starts a program in a process group of its own; `output` grows. */
function run([command = '', ...args]: readonly string[], env: Readonly<Record<string, string>>) {
  const { PATH = '', HOME = directory } = process.env;
  const child = spawn(command, args, {
    cwd: project,
    env: { PATH, HOME, GOCACHE: join(directory, 'go'), ...env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const seen = { output: '' };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (seen.output += text));
  }
  return { child, seen };
}

async function listening({ child, seen }: ReturnType<typeof run>): Promise<void> {
  while (!seen.output.includes('listening on')) {
    if (child.exitCode !== null) throw new Error(`the example ended: ${seen.output}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Until the API answers at all: some say that they listen a moment before they do. */
async function reachable(url: string): Promise<void> {
  for (;;) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer !== undefined) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function outcome({ child, seen }: ReturnType<typeof run>): Promise<string> {
  if (child.exitCode === null) await once(child, 'close');
  return seen.output;
}

const isThere = ({ needs, env }: Example): boolean => {
  const [command = '', ...args] = needs ?? ['true'];
  return spawnSync(command, args, { stdio: 'ignore', env: { ...process.env, ...env } }).status === 0;
};

describe.each(examples)('the example $name', (example) => {
  const title = 'takes good tokens, refuses the others with the right challenge, and gets one itself';
  if (!isThere(example) && process.env['CI'] !== 'true') {
    it.todo(`${title} (apt-get install ${example.packages})`);
    return;
  }

  it(title, async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const env = { ISSUER: server.issuer, AUDIENCE: audience, PORT: String(port), API_URL: url, ...example.env };
    await listening(run(example.server, env));
    await reachable(url);

    const good = await server.tokenOf(caller);
    const elsewhere = await server.tokenOf(await server.createClient({ client_name: 'other', scope: 'read:profile' }));
    const ask = (token?: string, method = 'GET') =>
      fetch(`${url}/orders`, { method, ...(token && { headers: { authorization: `Bearer ${token}` } }) });
    const challenge = async (answer: Response) => [answer.status, answer.headers.get('www-authenticate')];

    expect(await (await ask(good)).json()).toEqual({ orders: ['order-1'], for: caller.client_id });
    expect(await challenge(await ask())).toEqual([401, 'Bearer']);
    const [head, claims, signature = ''] = good.split('.');
    const forged = `${head}.${claims}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
    for (const bad of ['garbage', forged, elsewhere]) {
      expect(await challenge(await ask(bad))).toEqual([401, expect.stringContaining('error="invalid_token"')]);
    }
    expect(await challenge(await ask(good, 'DELETE'))).toEqual([
      403,
      expect.stringMatching(/error="insufficient_scope".*scope="manage:orders"/),
    ]);

    const service = {
      SERVICE_TOKEN_URL: `${server.issuer}/oauth/token`,
      SERVICE_CLIENT_ID: caller.client_id,
      SERVICE_CLIENT_SECRET: caller.client_secret,
    };
    expect(await outcome(run(example.client, { ...env, ...service }))).toMatch(/^200 .*order-1/);
  });
});

describe('the example node-three-services', () => {
  it('gets a token, renews it after a 401, and shows each change as soon as it is told', async () => {
    const ports = { PROFILES_PORT: String(await freePort()), DASHBOARD_PORT: String(await freePort()) };
    const folder = join(project, 'examples', 'node-three-services');
    const declared = readFileSync(join(folder, 'signet.yaml'), 'utf8');
    const file = join(directory, 'signet.yaml');
    writeFileSync(file, declared.replace(':8083/', `:${ports.DASHBOARD_PORT}/`));
    const secrets = join(directory, 'three-services');
    const { client_id: SIGNET_CLIENT_ID, client_secret: SIGNET_CLIENT_SECRET } = server.admin;
    const build = new ServerBuild();
    const applied = await runSignet(build, ['apply', '-f', file, '--secrets-dir', secrets], {
      env: { SIGNET_URL: server.issuer, SIGNET_CLIENT_ID, SIGNET_CLIENT_SECRET },
      cwd: directory,
    });
    await build.close();
    expect([applied.code, applied.stderr]).toEqual([0, '']);
    const command = [process.execPath, join(folder, 'run.mjs')];
    const shown = await outcome(run(command, { ISSUER: server.issuer, SECRETS_DIR: secrets, ...ports }));
    expect(shown.trim().split('\n')).toEqual([
      'core:      changed the profile: 201 1',
      expect.stringMatching(/^dashboard: was told, and shows: \{"name":"Ada","since":/),
      'core:      changed the profile: 200 2',
      expect.stringMatching(/^dashboard: was told, and shows: \{"name":"Ada Lovelace","since":/),
      'dashboard: {"hits":0,"misses":2,"stale":0,"invalidations":2,"size":1}',
    ]);
  });
});

describe('the package @signet/sdk', () => {
  const use = `
    const manager = new client.TokenManager({ token: 'given' });
    manager.token().then(({ value }) => console.log(value, typeof server.createTokenVerifier, typeof cache.createSyncedCache,
      typeof events.createWebhookReceiver, typeof express.requireToken, typeof fastify.requireToken, typeof web.authorize));`;
  const modules = { client: 'client', server: 'resource-server', cache: 'cache', events: 'events' };
  const parts = { ...modules, express: 'express', fastify: 'fastify', web: 'web' };
  const entries = Object.entries(parts);

  it('is small, and loaded by ESM, by CommonJS and by TypeScript in strict mode from an empty project', () => {
    const home = join(directory, 'empty');
    const installed = join(home, 'node_modules', '@signet', 'sdk');
    mkdirSync(installed, { recursive: true });
    const packed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', directory], {
      cwd: join(project, 'sdk'),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [{ filename, unpackedSize }] = JSON.parse(packed) as [{ filename: string; unpackedSize: number }];
    expect(unpackedSize).toBeLessThan(60_000);
    execFileSync('tar', ['-xzf', join(directory, filename), '-C', installed, '--strip-components=1']);
    for (const dependency of ['jose', '@types', 'undici-types']) {
      symlinkSync(join(project, 'node_modules', dependency), join(home, 'node_modules', dependency));
    }
    const esm = entries.map(([name, entry]) => `import * as ${name} from '@signet/sdk/${entry}';`).join('\n');
    const cjs = entries.map(([name, entry]) => `const ${name} = require('@signet/sdk/${entry}');`).join('\n');
    writeFileSync(join(home, 'esm.mjs'), esm + use);
    writeFileSync(join(home, 'cjs.cjs'), cjs + use);
    writeFileSync(join(home, 'strict.mts'), esm + use);
    writeFileSync(join(home, 'strict.cts'), esm + use);
    const node = (file: string) => execFileSync(process.execPath, [file], { cwd: home, encoding: 'utf8' });
    const all = `given${' function'.repeat(6)}\n`;
    expect([node('esm.mjs'), node('cjs.cjs')]).toEqual([all, all]);
    const compiler = join(project, 'node_modules', 'typescript', 'lib', 'tsc.js');
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node'];
    execFileSync(process.execPath, [compiler, ...options, 'strict.mts', 'strict.cts'], { cwd: home, stdio: 'inherit' });
  });
});
