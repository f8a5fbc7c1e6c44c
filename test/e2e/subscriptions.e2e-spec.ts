/** `/admin/events/subscriptions`: made, read, changed, removed (http-api.md "Events"). */
import { DataSource } from 'typeorm';
import { startServer, type TestServer } from '../support/server.js';

const path = '/admin/events/subscriptions';

interface Shown extends Record<string, unknown> {
  readonly id: string;
}

let server: TestServer;

beforeAll(async () => {
  server = await startServer({ env: { EVENT_RETRY_BACKOFF_SECONDS: '3,5' } });
});

afterAll(async () => {
  await server?.stop();
});

const minimal = { name: 'Invoices', url: 'https://hooks.example.com/in', event_types: ['order.*'] };

async function create(members: Record<string, unknown> = {}): Promise<Shown> {
  const response = await server.asAdmin('POST', path, { ...minimal, ...members });
  const body = await response.text();
  expect([response.status, body]).toEqual([201, body]);
  return JSON.parse(body) as Shown;
}

function query<Row>(text: string, values: unknown[]): Promise<Row[]> {
  return server.running.app.get(DataSource).query(text, values);
}

async function shown(id: string): Promise<Shown> {
  const response = await server.asAdmin('GET', `${path}/${id}`);
  expect(response.status).toBe(200);
  return (await response.json()) as Shown;
}

async function patched(id: string, patch: unknown): Promise<Shown> {
  const response = await server.asAdmin('PATCH', `${path}/${id}`, patch);
  const body = await response.text();
  expect([response.status, body]).toEqual([200, body]);
  return JSON.parse(body) as Shown;
}

describe('a new subscription', () => {
  it('is answered whole, with every default, and its signing secret this once', async () => {
    const response = await server.asAdmin('POST', path, minimal);
    expect(response.status).toBe(201);
    const created = (await response.json()) as Shown;
    expect(response.headers.get('location')).toBe(`${server.issuer}${path}/${created.id}`);
    expect(response.headers.get('cache-control')).toBe('no-store');
    const { signing_secret: secret, ...subscription } = created;
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(subscription).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      ...minimal,
      delivery: 'push',
      source: null,
      filter: null,
      client_id: null,
      headers: {},
      retry: { backoff_seconds: [3, 5] },
      timeout_ms: 10_000,
      max_in_flight: 10,
      rate_limit_per_second: null,
      ordering: 'none',
      auth: { type: 'none' },
      status: 'active',
      paused_reason: null,
      secrets: [{ secret_id: expect.any(String), created_at: expect.stringMatching(/Z$/), expires_at: null }],
      created_by: server.admin.client_id,
      created_at: expect.stringMatching(/Z$/),
      updated_at: expect.stringMatching(/Z$/),
    });
    expect(await shown(created.id)).toEqual(subscription);
  });

  it('takes every member', async () => {
    const { client_id } = await server.createClient({ client_name: 'owner', scope: 'read:profile read:features' });
    const members = {
      name: 'All',
      url: 'https://hooks.example.com/all?x=1',
      event_types: ['order.created', 'order.*', '*'],
      source: 'shop/1',
      filter: { 'data.amount': [{ gte: 10 }], subject: [{ prefix: 'eu-' }, 'x'] },
      client_id,
      headers: { 'X-Region': 'eu' },
      retry: { backoff_seconds: [1, 60, 86_400] },
      timeout_ms: 100,
      max_in_flight: 100,
      rate_limit_per_second: 10_000,
      ordering: 'subject',
      auth: { type: 'oauth2', scope: 'read:profile', resource: 'https://hooks.example.com/api' },
      status: 'paused',
    };
    expect(await create(members)).toMatchObject(members);
  });

  it('belongs to whoever makes it when it is polled, and has no URL', async () => {
    const { url: _, ...members } = minimal;
    const response = await server.asAdmin('POST', path, { ...members, delivery: 'poll' });
    expect(response.status).toBe(201);
    expect(await response.json()).toMatchObject({ delivery: 'poll', url: null, client_id: server.admin.client_id });
  });

  it('settles scope and audience of its tokens, without scopes of this server', async () => {
    const scope = 'read:profile manage:* events:publish admin:events';
    const { client_id } = await server.createClient({ client_name: 'owner', scope });
    const { id, auth } = await create({ client_id, auth: { type: 'oauth2' } });
    expect(auth).toEqual({ type: 'oauth2', scope: 'read:profile manage:*', resource: 'https://hooks.example.com' });
    expect((await patched(id, { auth: { scope: 'read:profile' } })).auth).toMatchObject({ scope: 'read:profile' });
    expect((await patched(id, { url: 'https://other.example.com:8443/' })).auth).toMatchObject({
      resource: 'https://other.example.com:8443',
    });
    expect((await patched(id, { auth: { scope: null } })).auth).toMatchObject({ scope: 'read:profile manage:*' });
    expect((await patched(id, { auth: { type: 'none' } })).auth).toEqual({ type: 'none' });
    expect((await patched(id, { auth: { type: 'oauth2' } })).auth).toMatchObject({
      scope: 'read:profile manage:*',
    });
    expect((await patched(id, { auth: null })).auth).toEqual({ type: 'none' });
  });
});

describe('a merge patch (RFC 7396)', () => {
  it('changes what it names, answers the whole, and null is the default', async () => {
    const {
      id,
      signing_secret: _,
      ...before
    } = await create({
      headers: { 'X-A': '1', 'X-B': '2' },
      filter: { type: ['a'], 'data.x': [1] },
      source: 's',
      rate_limit_per_second: 5,
      retry: { backoff_seconds: [9] },
    });
    const patch = { headers: { 'X-A': null, 'X-C': '3' }, filter: { 'data.x': null }, source: null, timeout_ms: 200 };
    const after = await patched(id, patch);
    const expected = {
      ...before,
      headers: { 'X-B': '2', 'X-C': '3' },
      filter: { type: ['a'] },
      source: null,
      timeout_ms: 200,
      updated_at: after['updated_at'],
    };
    expect(after).toEqual({ id, ...expected });
    expect(await patched(id, { rate_limit_per_second: null, retry: null, timeout_ms: null, filter: null })).toEqual({
      id,
      ...expected,
      rate_limit_per_second: null,
      retry: { backoff_seconds: [3, 5] },
      timeout_ms: 10_000,
      filter: null,
      updated_at: expect.any(String),
    });
  });

  it('that changes nothing is no write', async () => {
    const { id, updated_at } = await create();
    expect(await patched(id, {})).toMatchObject({ updated_at });
    expect(await patched(id, { name: minimal.name, auth: {}, retry: {} })).toMatchObject({ updated_at });
  });

  it('makes a push of a poll, and the other way round', async () => {
    const { id } = await create();
    const refused = await server.asAdmin('PATCH', `${path}/${id}`, { delivery: 'poll' });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ errors: [{ pointer: '/url' }] });
    expect(await patched(id, { delivery: 'poll', url: null })).toMatchObject({ delivery: 'poll', url: null });
    expect(await patched(id, { delivery: null, url: minimal.url })).toMatchObject({
      delivery: 'push',
      url: minimal.url,
    });
  });

  it('pauses and resumes, and then the breaker is closed', async () => {
    const { id } = await create();
    await query(
      `UPDATE subscription_health SET breaker = 'open', consecutive_failures = 12, opened_at = now(), probe_at = now(),
         probe_delay_seconds = 8 WHERE subscription_id = $1`,
      [id],
    );
    const breaker = async () =>
      (
        await query<{ breaker: string }>(
          `SELECT breaker FROM subscription_health WHERE subscription_id = $1 AND (breaker = 'open' OR (
             consecutive_failures = 0 AND opened_at IS NULL AND probe_at IS NULL AND probe_delay_seconds IS NULL))`,
          [id],
        )
      )[0]?.breaker;
    expect(await patched(id, { status: 'paused' })).toMatchObject({ status: 'paused', paused_reason: null });
    expect(await breaker()).toBe('open');
    expect(await patched(id, { status: null })).toMatchObject({ status: 'active' });
    expect(await breaker()).toBe('closed');
    await query(`UPDATE subscription_health SET breaker = 'open' WHERE subscription_id = $1`, [id]);
    await patched(id, { url: 'https://hooks.example.com/new' });
    expect(await breaker()).toBe('closed');
  });
});

describe('a list', () => {
  it('is newest first, pages, and is cut down by q, status and client_id', async () => {
    const names = ['list-1', 'list-2', 'list_3'];
    for (const name of names) await create({ name, status: name === 'list-2' ? 'paused' : 'active' });
    const read = async (parameters: string) => {
      const response = await server.asAdmin('GET', `${path}?${parameters}`);
      expect(response.status).toBe(200);
      return (await response.json()) as { items: Shown[]; next_cursor: string | null };
    };
    const named = async (parameters: string) => (await read(parameters)).items.map(({ name }) => name);
    expect(await named('q=LIST')).toEqual(names.toReversed());
    expect(await named('q=LIST&status=paused')).toEqual(['list-2']);
    expect(await named('q=list_')).toEqual(['list_3']);
    expect(await named('q=%25')).toEqual([]);
    expect(await named(`client_id=${server.admin.client_id}&q=list`)).toEqual([]);
    const first = await read('q=list&limit=2');
    expect(first.items.map(({ name }) => name)).toEqual(['list_3', 'list-2']);
    await create({ name: 'list-4' });
    const rest = await read(`q=list&limit=2&cursor=${first.next_cursor}`);
    expect(rest.items.map(({ name }) => name)).toEqual(['list-1']);
    expect(rest.next_cursor).toBeNull();
    const foreign = await server.asAdmin('GET', `${path}?q=other&cursor=${first.next_cursor}`);
    expect(foreign.status).toBe(400);
  });

  it.each(['limit=0', 'limit=-1', 'limit=201', 'limit=1e9', 'limit=NaN', 'limit=1;drop', 'cursor=x', 'status=dead'])(
    'M-15: %s is refused',
    async (parameter) => {
      const response = await server.asAdmin('GET', `${path}?${parameter}`);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ errors: [{ pointer: `/${parameter.split('=')[0]}` }] });
    },
  );
});

describe('a deleted subscription', () => {
  it('is gone, its secrets with it, and what was to be sent is cancelled', async () => {
    const { id } = await create();
    await query(
      `WITH event AS (
         INSERT INTO events (id, source, source_id, type, occurred_at, routed_at)
         SELECT gen_random_uuid(), 'test', n::text, 'a.b', now(), now() FROM generate_series(1, 2500) AS n RETURNING id, seq
       )
       INSERT INTO deliveries (id, event_id, subscription_id, event_type, lane, seq, due_at, next_attempt_at)
       SELECT gen_random_uuid(), id, $1, 'a.b', 'bulk', seq, 'infinity', now() FROM event`,
      [id],
    );
    const response = await server.asAdmin('DELETE', `${path}/${id}`);
    expect([response.status, await response.text()]).toEqual([204, '']);
    for (const [method, suffix] of [
      ['GET', ''],
      ['PATCH', ''],
      ['DELETE', ''],
      ['POST', '/rotate-secret'],
      ['POST', '/test'],
    ] as const) {
      const again = await server.asAdmin(method, `${path}/${id}${suffix}`, method === 'PATCH' ? {} : undefined);
      expect([method, suffix, again.status]).toEqual([method, suffix, 404]);
    }
    const cancelled = async () =>
      (
        await query<{ n: string }>(
          `SELECT count(*) AS n FROM deliveries WHERE subscription_id = $1 AND status = 'cancelled'
             AND finished_at IS NOT NULL AND next_attempt_at IS NULL AND lease_token IS NULL`,
          [id],
        )
      )[0]?.n;
    while ((await cancelled()) !== '2500') await new Promise((resolve) => setTimeout(resolve, 50));
    const secrets = await query('SELECT 1 FROM subscription_secrets WHERE subscription_id = $1', [id]);
    expect(secrets).toEqual([]);
  });

  it.each(['nobody', '00000000-0000-0000-0000-000000000000', '%00', '..%2f'])('M-13: %s is nobody', async (id) => {
    expect((await server.asAdmin('GET', `${path}/${id}`)).status).toBe(404);
    expect((await server.asAdmin('DELETE', `${path}/${id}`)).status).toBe(404);
  });
});
