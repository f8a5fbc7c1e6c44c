import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runSignet } from '../support/command-line.js';
import { type Credentials, freePort, startServer, type TestServer } from '../support/server.js';
import { ServerBuild } from '../support/server-process.js';
import { signAsServer } from '../support/server-tokens.js';

const project = dirname(dirname(import.meta.dirname));
const audience = 'https://orders.example.com';
const apacheModule = '/usr/lib/apache2/modules/mod_auth_openidc.so';
const debian = { GO111MODULE: 'off', GOPATH: '/usr/share/gocode' };

interface Example {
  readonly name: string;
  readonly server: readonly string[];
  readonly client: readonly string[];
  /** What must succeed for it to run here. */
  readonly needs?: readonly string[];
  readonly packages?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The challenge to a request without a token, if it is not the word alone. */
  readonly unauthenticated?: RegExp;
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
  {
    name: 'apache',
    server: ['bash', 'examples/apache/server.sh'],
    client: ['bash', 'examples/apache/client.sh'],
    needs: ['bash', '-c', 'PATH=$PATH:/usr/sbin; apache2 -v && openssl version && ls "$0"', apacheModule],
    packages: 'apache2-bin libapache2-mod-auth-openidc openssl',
    // What mod_auth_openidc says; RFC 6750 §3 would leave the error out.
    unauthenticated: /^Bearer error="invalid_request"/,
  },
];

let server: TestServer;
let caller: Credentials;
let directory: string;
let children: ChildProcess[];

beforeAll(async () => {
  execFileSync(process.execPath, [join(project, 'sdk', 'build.mjs')], { stdio: ['ignore', 'inherit', 'inherit'] });
  directory = mkdtempSync(join(tmpdir(), 'signet-examples-'));
  // Apache, started by root, reads as somebody else.
  chmodSync(directory, 0o711);
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
    env: { PATH, HOME, GOCACHE: join(directory, 'go'), TMPDIR: directory, ...env },
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

/** A token of the caller that the server has signed, with other claims. */
const signed = (members: object, issuedAt = Math.floor(Date.now() / 1000)): Promise<string> => {
  const scope = ['read:profile'];
  return signAsServer(server, { clientId: caller.client_id, audience, scope, issuedAt }, members);
};

async function badTokens(good: string): Promise<Record<string, string>> {
  const [head = '', claims = '', signature = ''] = good.split('.');
  const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const header = JSON.parse(Buffer.from(head, 'base64url').toString()) as object;
  const pem = await (await server.fetch('/oauth/public-key')).text();
  const hmacInput = `${encoded({ ...header, alg: 'HS256' })}.${claims}`;
  return {
    garbage: 'garbage',
    tampered: `${head}.${claims}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`,
    'signed by nobody': `${encoded({ ...header, alg: 'none' })}.${claims}.`,
    'signed with the public key as secret': `${hmacInput}.${createHmac('sha256', pem).update(hmacInput).digest('base64url')}`,
    expired: await signed({}, Math.floor(Date.now() / 1000) - 700),
    'for another API': await server.tokenOf(await server.createClient({ client_name: 'other', scope: 'read:profile' })),
    'for an API of a longer name': await signed({ aud: `${audience}/more` }),
    'of another issuer': await signed({ iss: 'https://elsewhere.example.com' }),
    'bound to a key': await signed({ cnf: { jkt: 'FzmZ8yqSzpNZyG4hQbi2sTHHOTbzVbZ5cFaBzuvUbZQ' } }),
    'bound to a certificate': await signed({ cnf: { 'x5t#S256': 'FzmZ8yqSzpNZyG4hQbi2sTHHOTbzVbZ5cFaBzuvUbZQ' } }),
  };
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
    const [port, tlsPort] = [await freePort(), await freePort()].map(String) as [string, string];
    const url = `http://127.0.0.1:${port}`;
    const api = { AUDIENCE: audience, PORT: port, TLS_PORT: tlsPort, API_URL: url };
    const env = { ISSUER: server.issuer, ...api, ...example.env };
    await listening(run(example.server, env));
    await reachable(url);

    const ask = (token?: string, method = 'GET') =>
      fetch(`${url}/orders`, { method, ...(token && { headers: { authorization: `Bearer ${token}` } }) });
    const challenge = async (answer: Response) => [answer.status, answer.headers.get('www-authenticate')];

    const good = await server.tokenOf(caller);
    for (const token of [good, await signed({ aud: ['https://stock.example.com', audience] })]) {
      expect(await (await ask(token)).json()).toEqual({ orders: ['order-1'], for: caller.client_id });
    }
    expect(await challenge(await ask())).toEqual([401, expect.stringMatching(example.unauthenticated ?? /^Bearer$/)]);
    const invalid = [401, expect.stringMatching(/^Bearer error="invalid_token"/)];
    for (const [kind, bad] of Object.entries(await badTokens(good))) {
      expect([kind, ...(await challenge(await ask(bad)))]).toEqual([kind, ...invalid]);
    }
    const lacks = (scope: string) => [
      403,
      expect.stringMatching(`^Bearer error="insufficient_scope".*scope="${scope}"`),
    ];
    for (const scope of ['read:groups', 'read:profiles', 'thread:profile']) {
      expect([scope, ...(await challenge(await ask(await signed({ scope }))))]).toEqual([
        scope,
        ...lacks('read:profile'),
      ]);
    }
    expect(await challenge(await ask(good, 'DELETE'))).toEqual(lacks('manage:orders'));
    expect((await ask(await signed({ scope: 'read:profile manage:orders' }), 'DELETE')).status).toBe(204);

    const service = {
      SERVICE_TOKEN_URL: `${server.issuer}/oauth/token`,
      SERVICE_CLIENT_ID: caller.client_id,
      SERVICE_CLIENT_SECRET: caller.client_secret,
    };
    expect(await outcome(run(example.client, { ...env, ...service }))).toMatch(/^200 .*order-1/);
  });
});

describe('the example apache, when it is ended', () => {
  const [example] = examples.filter(({ name }) => name === 'apache');
  if (example === undefined || (!isThere(example) && process.env['CI'] !== 'true')) {
    it.todo('leaves nothing behind');
    return;
  }

  it('leaves nothing behind', async () => {
    const temporary = mkdtempSync(join(directory, 'apache-'));
    chmodSync(temporary, 0o711);
    const [port, tlsPort] = [await freePort(), await freePort()];
    const env = { ISSUER: server.issuer, PORT: String(port), TLS_PORT: String(tlsPort), TMPDIR: temporary };
    const { child, seen } = run(example.server, env);
    await listening({ child, seen });
    expect(readdirSync(temporary)).toHaveLength(1);
    child.kill('SIGTERM');
    await once(child, 'close');
    expect([child.exitCode, readdirSync(temporary)]).toEqual([0, []]);
    await expect(fetch(`http://127.0.0.1:${port}/orders`)).rejects.toThrow('fetch failed');
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
