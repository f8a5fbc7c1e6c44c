/**
 * `/metrics`: that the numbers are what was done, to the unit, on every way into the server; that nothing a stranger chooses
 * becomes a label; and that a database that is away takes nothing along but its own numbers. Who may scrape is in
 * metrics-access.e2e-spec.ts.
 */
import { openDatabaseProxy } from '../support/database-proxy.js';
import { rawRequest } from '../support/raw-http.js';
import { riseOf, scrape } from '../support/scrape.js';
import { basic, type Credentials, startServer, type TestServer } from '../support/server.js';

let server: TestServer;
let client: Credentials;

beforeAll(async () => {
  server = await startServer();
  client = await server.createClient({ client_name: 'C', scope: 'read:profile', grant_types: ['client_credentials'] });
});

afterAll(async () => {
  await server?.stop();
});

const requests = 'signet_http_requests_total';
const durations = 'signet_http_request_duration_seconds_count';
const tokenRoute = { method: 'POST', route: '/oauth/token' };

async function times(count: number, act: (index: number) => Promise<Response>): Promise<number[]> {
  const statuses: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const response = await act(index);
    await response.arrayBuffer();
    statuses.push(response.status);
  }
  return statuses;
}

/** A query string is unusual enough for the ordinary way, through the framework. */
function requestTokenTheOrdinaryWay(form: Record<string, string>): Promise<Response> {
  const headers = { authorization: basic(client) };
  return server.fetch('/oauth/token?', { method: 'POST', headers, body: new URLSearchParams(form) });
}

describe('requests for tokens', () => {
  it('are counted by grant and outcome, on the fast lane and beside it', async () => {
    const rise = await riseOf(server, async () => {
      await times(5, () => server.requestToken(client));
      await times(2, () => requestTokenTheOrdinaryWay({ grant_type: 'client_credentials' }));
      await times(3, () => server.requestToken({ ...client, client_secret: 'wrong' }));
      await times(4, (index) => server.requestToken(client, { grant_type: `urn:grant:${index}` }));
      await times(1, () => server.requestToken(client, { scope: 'admin:full' }));
      await times(1, () => server.requestToken(client, { grant_type: 'refresh_token', refresh_token: 'x' }));
      await times(2, () =>
        server.requestToken(client, [
          ['grant_type', 'a'],
          ['grant_type', 'b'],
        ]),
      );
    });
    const counted = (grant: string, outcome: string) => rise('signet_token_requests_total', { grant, outcome });
    expect(counted('client_credentials', 'issued')).toBe(7);
    expect(counted('client_credentials', 'invalid_client')).toBe(3);
    expect(counted('other', 'unsupported_grant_type')).toBe(4);
    expect(counted('client_credentials', 'invalid_scope')).toBe(1);
    expect(counted('refresh_token', 'unauthorized_client')).toBe(1);
    expect(counted('unknown', 'invalid_request')).toBe(2);
    expect(rise('signet_token_requests_total')).toBe(18);
    expect(rise(requests, { ...tokenRoute, status: '200' })).toBe(7);
    expect(rise(requests, { ...tokenRoute, status: '401' })).toBe(3);
    expect(rise(requests, { ...tokenRoute, status: '400' })).toBe(8);
    expect(rise(durations, tokenRoute)).toBe(18);
    expect(rise('signet_signing_duration_seconds_count', { alg: 'RS256' })).toBe(7);
    expect(rise('signet_batch_size_sum', { batch: 'tokens' })).toBe(7);
    expect(rise('signet_batch_size_sum', { batch: 'refusals' })).toBe(11);
  });

  it('that share a commit are so many items of fewer batches', async () => {
    const rise = await riseOf(server, () => Promise.all(Array.from({ length: 40 }, () => server.tokenOf(client))));
    const batches = rise('signet_batch_size_count', { batch: 'tokens' });
    expect(rise('signet_batch_size_sum', { batch: 'tokens' })).toBe(40);
    expect(batches).toBeLessThan(40);
    expect(rise('signet_batch_wait_seconds_count', { batch: 'tokens' })).toBe(batches);
    expect(rise('signet_batch_duration_seconds_count', { batch: 'tokens' })).toBe(batches);
  });

  it('beyond the rate limit of a client are called so', async () => {
    const slow = await server.createClient({ client_name: 'S', rate_limit_per_minute: 1 });
    const rise = await riseOf(server, () => times(3, () => server.requestToken(slow)));
    expect(rise('signet_token_requests_total', { grant: 'client_credentials', outcome: 'issued' })).toBe(1);
    expect(rise('signet_token_requests_total', { grant: 'client_credentials', outcome: 'rate_limited' })).toBe(2);
  });
});

describe('other requests', () => {
  it('introspection is counted by what it answers', async () => {
    const token = await server.tokenOf(client);
    const ask = (sent: string, credentials = client) =>
      server.fetch('/oauth/introspect', {
        method: 'POST',
        headers: { authorization: basic(credentials) },
        body: new URLSearchParams({ token: sent }),
      });
    const rise = await riseOf(server, async () => {
      await times(3, () => ask(token));
      await times(2, () => ask('x'));
      await times(1, () => ask(token, { ...client, client_secret: 'x' }));
    });
    expect(rise('signet_introspections_total', { outcome: 'active' })).toBe(3);
    expect(rise('signet_introspections_total', { outcome: 'inactive' })).toBe(2);
    expect(rise('signet_introspections_total', { outcome: 'invalid_client' })).toBe(1);
    expect(rise('signet_batch_size_sum', { batch: 'look_ups' })).toBe(5);
    expect(rise(durations, { method: 'POST', route: '/oauth/introspect' })).toBe(6);
  });

  it('the prepared JWKS and routes of the framework are counted by route and status', async () => {
    const etag = (await server.fetch('/.well-known/jwks.json')).headers.get('etag') ?? '';
    await server.adminToken();
    const rise = await riseOf(server, async () => {
      await times(3, () => server.fetch('/.well-known/jwks.json'));
      await times(2, () => server.fetch('/.well-known/jwks.json', { headers: { 'if-none-match': etag } }));
      await times(4, () => server.asAdmin('GET', `/admin/oauth/clients/${client.client_id}`));
      await times(1, (index) => server.asAdmin('GET', `/admin/oauth/clients/nobody-${index}`));
    });
    const jwks = { method: 'GET', route: '/.well-known/jwks.json' };
    expect(rise(requests, { ...jwks, status: '200' })).toBe(3);
    expect(rise(requests, { ...jwks, status: '304' })).toBe(2);
    expect(rise(durations, jwks)).toBe(5);
    const route = { method: 'GET', route: '/admin/oauth/clients/:clientId' };
    const ofClient = (await scrape(server)).of(requests, { method: 'GET', status: '404' });
    expect(ofClient.map(({ labels }) => labels['route'])).toEqual([
      expect.stringMatching(/^\/admin\/oauth\/clients\/:\w+$/),
    ]);
    expect(rise(requests, { ...route, route: ofClient[0]?.labels['route'] ?? '', status: '200' })).toBe(4);
    expect(rise(requests, { ...route, route: ofClient[0]?.labels['route'] ?? '', status: '404' })).toBe(1);
  });

  it('each scrape finds the one before', async () => {
    const rise = await riseOf(server, () => times(2, () => server.fetch('/metrics')));
    expect(rise(requests, { method: 'GET', route: '/metrics', status: '200' })).toBe(3);
    expect((await scrape(server)).value('signet_http_requests_in_flight')).toBe(1);
  });

  it('what is no request, or none that the framework takes, is counted once, too', async () => {
    const rise = await riseOf(server, async () => {
      await rawRequest(server.issuer, ['GET / HTTP/1.1', 'Host x']);
      await rawRequest(server.issuer, ['GET / HTTP/1.1', 'Host: x', `A: ${'a'.repeat(20_000)}`]);
      await rawRequest(server.issuer, ['CONNECT x:443 HTTP/1.1', 'Host: x']);
      await rawRequest(server.issuer, ['GET / HTTP/1.1', 'Host: x', 'Expect: tea']);
      await server.fetch('/%zz');
    });
    const unknown = { method: 'unknown', route: 'unknown' };
    for (const status of ['431', '405', '417']) expect(rise(requests, { ...unknown, status })).toBe(1);
    expect(rise(requests, { ...unknown, status: '400' })).toBe(2);
    // The scrape before is the sixth.
    expect(rise(requests)).toBe(6);
  });
});

describe('labels', () => {
  it('a thousand made-up grants, paths, methods, clients and user agents add a handful of lines', async () => {
    const before = await scrape(server);
    const made = 'zqx';
    const attack = async (index: number) => {
      const headers = { 'user-agent': `${made}-${index}`, 'x-request-id': `${made}-${index}` };
      await Promise.all([
        server.requestToken(client, { grant_type: `${made}:${index}` }),
        server.requestToken({ client_id: `${made}-${index}`, client_secret: 'x' }),
        server.fetch(`/${made}/${index}?${made}=${index}`, { headers }),
        server.fetch(`/oauth/${made}${index}`, { method: 'DELETE', headers }),
        server.fetch(`/admin/oauth/clients/${made}-${index}`, { headers }),
      ]);
    };
    for (let index = 0; index < 1_000; index += 10) {
      await Promise.all(Array.from({ length: 10 }, (_, offset) => attack(index + offset)));
    }
    for (const method of ['PROPFIND', 'TRACE', 'MKCOL', 'LOCK', 'SEARCH']) {
      await rawRequest(server.issuer, [`${method} /${made} HTTP/1.1`, 'Host: x']);
    }
    const after = await scrape(server);
    expect(after.value('signet_token_requests_total', { grant: 'other' })).toBeGreaterThanOrEqual(1_000);
    expect(after.text).not.toContain(made);
    expect(after.size - before.size).toBeLessThan(150);
    expect(after.size).toBeLessThan(1_500);
  });

  it('M-11: neither a secret nor a token, nor anything that names a client or a key', async () => {
    const token = await server.tokenOf(client);
    const { kid } = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string };
    const { text } = await scrape(server);
    const { env, admin, issuer } = server;
    const secrets = [client.client_secret, client.client_id, admin.client_secret, token.split('.')[2], kid, issuer];
    secrets.push(env['KEY_ENCRYPTION_KEY'], server.database.url);
    for (const secret of secrets) expect(text).not.toContain(secret);
  });
});

describe('numbers that are read', () => {
  it('of the database, the queue, the caches and the process are there', async () => {
    await server.asAdmin('PATCH', `/admin/oauth/clients/${client.client_id}`, { description: 'x' });
    const found = await untilItHas('signet_scheduled_jobs');
    expect(found.of('signet_source_up').filter(({ value }) => value !== 1)).toEqual([]);
    expect(found.value('signet_signing_keys', { alg: 'RS256', status: 'active' })).toBe(1);
    expect(found.value('signet_signing_key_active_seconds', { alg: 'RS256' })).toBeGreaterThan(0);
    expect(found.of('signet_outbox_unrouted_events')).toHaveLength(1);
    expect(found.of('signet_outbox_oldest_unrouted_seconds')).toHaveLength(1);
    expect(found.of('signet_scheduled_jobs')).toHaveLength(4);
    expect(found.value('signet_key_ring_age_seconds')).toBeLessThan(10);
    expect(found.of('signet_scope_registry_age_seconds')).toHaveLength(1);
    for (const pool of ['hot', 'main']) {
      const max = found.value('signet_database_connections_max', { pool });
      expect(max).toBeGreaterThan(0);
      expect(found.value('signet_database_connections', { pool })).toBeLessThanOrEqual(max);
    }
    for (const name of [
      'process_resident_memory_bytes',
      'nodejs_heap_size_used_bytes',
      'process_cpu_user_seconds_total',
    ]) {
      expect(found.value(name)).toBeGreaterThan(0);
    }
    expect(Math.abs(found.value('process_start_time_seconds') - Date.now() / 1_000)).toBeLessThan(3_600);
  });

  /** What is read costs little because it is read every five seconds at most. */
  async function untilItHas(name: string) {
    for (const limit = Date.now() + 20_000; Date.now() < limit;) {
      const found = await scrape(server);
      if (found.of(name).length > 0) return found;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    throw new Error(`no ${name}`);
  }

  it('are missing where the database is away, severed or silent, and everything else is there', async () => {
    const proxy = await openDatabaseProxy(server.database.url);
    const database = { ...server.database, url: proxy.url };
    const other = await startServer({ beside: { ...server, database } });
    try {
      for (const away of [() => proxy.sever(), async () => proxy.stall()]) {
        await away();
        expect((await other.requestToken(client)).status).toBe(503);
        const found = await scrape(other);
        expect(found.value('signet_source_up', { source: 'outbox' })).toBe(0);
        expect(found.value('signet_source_up', { source: 'signing_keys' })).toBe(0);
        expect(found.of('signet_outbox_unrouted_events')).toEqual([]);
        expect(found.of('signet_signing_keys')).toEqual([]);
        expect(found.value('signet_source_up', { source: 'process' })).toBe(1);
        expect(found.value('signet_token_requests_total', { outcome: 'temporarily_unavailable' })).toBeGreaterThan(0);
        await proxy.restore();
      }
    } finally {
      await proxy.restore();
      await other.stop();
      await proxy.sever();
    }
  });
});
