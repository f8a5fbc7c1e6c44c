/** Traces: what goes to the collector, what must never (D15), and that a collector that is away hurts nobody. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createMigratedDatabase } from '../support/migrated-database.js';
import type { TestDatabase } from '../support/postgres.js';
import { basic, freePort } from '../support/server.js';
import { asDatabaseUrl, ServerBuild, type ServerProcess } from '../support/server-process.js';

interface ExportedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly attributes: readonly { readonly key: string; readonly value: unknown }[];
  readonly status: { readonly code?: number };
}

interface ExportedPayload {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly { readonly key: string; readonly value: unknown }[] };
    readonly scopeSpans: readonly { readonly spans: readonly ExportedSpan[] }[];
  }[];
}

const canary = () => `canary${randomBytes(12).toString('hex')}`;
const admin = { client_id: 'admin', client_secret: randomBytes(32).toString('hex') };
const key = canary();
const encryptionKey = randomBytes(32).toString('base64');
const traceId = randomBytes(16).toString('hex');
const parentId = randomBytes(8).toString('hex');

let build: ServerBuild;
let directory: string;
let database: TestDatabase;

beforeAll(async () => {
  build = new ServerBuild();
  directory = await mkdtemp(join(tmpdir(), 'signet-tracing-'));
  database = await createMigratedDatabase();
});

afterAll(async () => {
  await build?.close();
  await database?.drop();
  await rm(directory, { recursive: true, force: true });
});

async function start(endpoint: string, more: Record<string, string> = {}): Promise<ServerProcess> {
  const port = await freePort();
  const env = {
    PORT: String(port),
    ISSUER: `http://127.0.0.1:${port}`,
    DATABASE_URL: asDatabaseUrl(database.url),
    DATA_DIR: directory,
    KEY_ENCRYPTION_KEY: encryptionKey,
    BOOTSTRAP_CLIENT_ID: admin.client_id,
    BOOTSTRAP_CLIENT_SECRET: admin.client_secret,
    LOG_LEVEL: 'debug',
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    ...more,
  };
  return build.start({ cwd: directory, env }).ready();
}

async function token(server: ServerProcess, headers: Record<string, string> = {}): Promise<string> {
  const body = new URLSearchParams({ grant_type: 'client_credentials' });
  const init = { method: 'POST', headers: { authorization: basic(admin), ...headers }, body };
  const answer = await server.fetch('/oauth/token', init);
  expect(answer.status).toBe(200);
  return ((await answer.json()) as { access_token: string }).access_token;
}

describe('a server with a collector', () => {
  const received: { headers: IncomingHttpHeaders; url: string | undefined; body: string }[] = [];
  const spans = () =>
    received
      .flatMap(({ body }) => (JSON.parse(body) as ExportedPayload).resourceSpans)
      .flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
  const named = (name: string) => spans().filter((span) => span.name === name);
  const secrets: string[] = [admin.client_secret, key];
  let collector: Server;

  beforeAll(async () => {
    collector = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => (body += text));
      request.on('end', () => {
        received.push({ headers: request.headers, url: request.url, body });
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      });
    });
    const port = await freePort();
    await new Promise<void>((resolve) => collector.listen(port, '127.0.0.1', resolve));
    const server = await start(`http://127.0.0.1:${port}/`, {
      OTEL_EXPORTER_OTLP_HEADERS: `x-collector-key=${key}`,
      OTEL_SERVICE_NAME: 'signet-test',
    });
    await use(server);
    expect(await server.stop()).toBe(0);
    expect(server.output).not.toContain(key);
  }, 180_000);

  afterAll(() => {
    collector.close();
    collector.closeAllConnections();
  });

  /** Every way in which a secret can come. */
  async function use(server: ServerProcess): Promise<void> {
    const traceparent = `00-${traceId}-${parentId}-01`;
    const access = await token(server, { traceparent, tracestate: `vendor=${secret()}` });
    secrets.push(access, ...access.split('.').slice(1));
    await token(server, { traceparent: `00-${randomBytes(16).toString('hex')}-${parentId}-00` });
    const authorization = `Bearer ${access}`;
    const form = (members: Record<string, string>) => ({ method: 'POST', body: new URLSearchParams(members) });
    await server.fetch('/oauth/token', form({ ...admin, grant_type: 'client_credentials', [secret()]: secret() }));
    await server.fetch('/oauth/token', form({ client_id: secret(), client_secret: secret(), grant_type: secret() }));
    await server.fetch('/oauth/introspect', { ...form({ token: access }), headers: { authorization: basic(admin) } });
    const created = await server.fetch('/admin/oauth/clients', {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json', 'user-agent': secret(), 'x-request-id': secret() },
      body: JSON.stringify({ client_name: secret(), scope: '' }),
    });
    secrets.push(((await created.json()) as { client_secret?: string }).client_secret ?? secret());
    await server.fetch(`/admin/oauth/clients/${secret()}?a=${secret()}`, { headers: { authorization } });
    await server.fetch(`/${secret()}?access_token=${secret()}`, { headers: { cookie: secret() } });
    await server.fetch('/.well-known/jwks.json');
  }

  function secret(): string {
    const one = canary();
    secrets.push(one);
    return one;
  }

  it('sends it a span for each request, by its route', () => {
    expect(new Set(received.map(({ url }) => url))).toEqual(new Set(['/v1/traces']));
    expect(received[0]?.headers['x-collector-key']).toBe(key);
    const { resource } = (JSON.parse(received[0]?.body ?? '') as ExportedPayload).resourceSpans[0] ?? {};
    expect(resource?.attributes).toContainEqual({ key: 'service.name', value: { stringValue: 'signet-test' } });
    const names = new Set(spans().map(({ name }) => name));
    for (const name of [
      'POST /oauth/token',
      'POST /oauth/introspect',
      'POST /admin/oauth/clients',
      'GET /admin/oauth/clients/:client_id',
      'GET /.well-known/jwks.json',
      'GET',
    ]) {
      expect([...names]).toContain(name);
    }
    const statuses = named('POST /oauth/token').flatMap(({ attributes }) =>
      attributes.filter((one) => one.key === 'http.response.status_code').map((one) => one.value),
    );
    expect(statuses).toContainEqual({ intValue: 200 });
    expect(statuses).toContainEqual({ intValue: 401 });
  });

  it('takes a trace over, and records what was not recorded there neither', () => {
    const [taken, ...others] = named('POST /oauth/token').filter((span) => span.traceId === traceId);
    expect(taken?.parentSpanId).toBe(parentId);
    expect(others).toEqual([]);
    // Three that were recorded; the one that says that it is not is not there.
    expect(named('POST /oauth/token')).toHaveLength(3);
  });

  it('shows the steps of a request within it', () => {
    const parent = named('POST /oauth/token').find((span) => span.traceId === traceId);
    const steps = spans().filter((span) => span.parentSpanId === parent?.spanId);
    // Look-ups and commits are shared with the requests of the same moment.
    expect(new Set(steps.map(({ name }) => name))).toEqual(new Set(['batch', 'sign']));
    const created = named('POST /admin/oauth/clients')[0];
    expect(spans().filter((span) => span.parentSpanId === created?.spanId)).toContainEqual(
      expect.objectContaining({ name: 'transaction' }),
    );
  });

  it('M-11: holds no secret, token or anything that a client has sent', () => {
    const text = received.map(({ body }) => body).join('\n');
    const found = secrets.filter((one) => [one, one.slice(-12)].some((part) => text.includes(part)));
    expect(found).toEqual([]);
    const keys = new Set(spans().flatMap(({ attributes }) => attributes.map((one) => one.key)));
    expect([...keys].toSorted()).toEqual(['http.request.method', 'http.response.status_code', 'http.route']);
  });
});

describe('a collector that is away', () => {
  it('hurts no request, and does not hold up the end', async () => {
    const server = await start(`http://127.0.0.1:${await freePort()}`);
    for (let index = 0; index < 5; index += 1) await token(server);
    const warning = 'the collector of traces does not take them';
    // It is tried again for a while.
    for (let waited = 0; waited < 300 && !server.output.includes(warning); waited += 1) await sleep(100);
    await token(server);
    expect(await server.stop()).toBe(0);
    expect(server.output.split(warning)).toHaveLength(2);
  });
});
