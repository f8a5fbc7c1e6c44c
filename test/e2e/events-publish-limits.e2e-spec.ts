/**
 * What holds a publisher back: the quota of what waits for its delivery, the catalogue of types (`/admin/events/types`), and a database
 * that is away.
 */
import { openDatabaseProxy } from '../support/database-proxy.js';
import { expectProblem, Ledger } from '../support/refusal.js';
import { startServer, type TestServer } from '../support/server.js';
import type { ProblemBody } from '../../src/protocol/index.js';

const types = '/admin/events/types';

let server: TestServer;
let ledger: Ledger;
let token: string;
let count = 0;

beforeAll(async () => {
  server = await startServer();
  ledger = await Ledger.open(server);
  token = await publisherToken(server, 'shop');
});

afterAll(async () => {
  await ledger?.close();
  await server?.stop();
});

async function publisherToken(at: TestServer, client_id: string): Promise<string> {
  return at.tokenOf(await at.createClient({ client_name: client_id, client_id, scope: 'events:publish' }));
}

function event(more: Record<string, unknown> = {}): Record<string, unknown> {
  count += 1;
  return { specversion: '1.0', id: `e-${count}`, source: 'shop', type: 'order.paid', ...more };
}

function publish(
  body: unknown,
  at: TestServer = server,
  bearer = token,
  headers: Record<string, string> = {},
): Promise<Response> {
  return at.fetch('/events', {
    method: 'POST',
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

async function pointersOf(answer: Promise<Response>): Promise<string[]> {
  const response = await answer;
  await expectProblem(response, 400);
  const { errors } = (await response.json()) as ProblemBody;
  return (errors ?? []).map(({ pointer }) => pointer);
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 50));
}

describe('the quota', () => {
  /** As if receivers were behind: open deliveries of a subscription that nobody works on. */
  async function openDeliveries(publisher: string, number: number): Promise<void> {
    await ledger.rows(
      `WITH s AS (
         INSERT INTO subscriptions (id, name, delivery, event_types, status)
         VALUES (gen_random_uuid(), 'S', 'poll', '{none}', 'paused') RETURNING id
       ), e AS (
         INSERT INTO events (id, source, source_id, type, occurred_at, routed_at, envelope, publisher)
         SELECT gen_random_uuid(), $1, gen_random_uuid(), 't', now(), now(), '{}', $1 FROM generate_series(1, $2::int) RETURNING id, seq
       )
       INSERT INTO deliveries (id, event_id, subscription_id, event_type, lane, publisher, seq, due_at)
       SELECT gen_random_uuid(), e.id, s.id, 't', 'bulk', $1, e.seq, 'infinity' FROM e, s`,
      [publisher, number],
    );
  }

  it('counts what is open, refuses beyond it, and takes again what is below', async () => {
    const limited = await startServer({ beside: server, env: { EVENT_MAX_PENDING_PER_PUBLISHER: '3' } });
    const [own, other] = [await publisherToken(server, 'busy'), await publisherToken(server, 'calm')];
    const busy = () => publish(event({ source: 'busy' }), limited, own);
    await openDeliveries('busy', 3);
    const { response, entry } = await ledger.refused(busy);
    await expectProblem(response, 429);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(entry).toMatchObject({ action: 'event.publish_denied', actor_client_id: 'busy' });
    expect((await publish(event({ source: 'calm' }), limited, other)).status).toBe(202);
    expect((await publish(event({ source: 'busy' }), server, own)).status).toBe(202);
    await ledger.rows(`UPDATE deliveries SET status = 'succeeded' WHERE publisher = 'busy'`);
    await until(async () => (await busy()).status === 202);
    await limited.stop();
  });

  it('adds what is accepted between two counts', async () => {
    const limited = await startServer({ beside: server, env: { EVENT_MAX_PENDING_PER_PUBLISHER: '3' } });
    const own = await publisherToken(server, 'burst');
    await openDeliveries('burst', 2);
    const statuses: number[] = [];
    for (let sent = 0; sent < 5; sent += 1) {
      statuses.push((await publish(event({ source: 'burst' }), limited, own)).status);
    }
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(1);
    expect(statuses[0]).toBe(202);
    await limited.stop();
  });
});

describe('the catalogue', () => {
  const schema = { type: 'object', required: ['amount'], properties: { amount: { type: 'integer', minimum: 1 } } };

  it('is created, read, listed, changed and deleted, and audited', async () => {
    const { result: created, entries } = await ledger.entriesOf(() =>
      server.asAdmin('POST', types, { type: 'a/b c.d'.replace(' ', ''), description: 'D', schema }),
    );
    expect(created.status).toBe(201);
    expect(created.headers.get('location')).toBe(`${server.issuer}${types}/a%2Fbc.d`);
    expect(await created.json()).toEqual({
      type: 'a/bc.d',
      description: 'D',
      schema,
      created_at: expect.any(String) as string,
      updated_at: expect.any(String) as string,
    });
    expect(entries).toEqual([
      expect.objectContaining({
        action: 'event_type.created',
        target_type: 'event_type',
        target_id: 'a/bc.d',
        success: true,
      }),
    ]);
    const path = `${types}/a%2Fbc.d`;
    expect((await server.asAdmin('POST', types, { type: 'a/bc.d' })).status).toBe(409);
    expect(await (await server.asAdmin('GET', path)).json()).toMatchObject({ type: 'a/bc.d', schema });
    const patched = await server.asAdmin('PATCH', path, { schema: { required: null, title: 'T' }, description: null });
    expect(await patched.json()).toMatchObject({ description: '', schema: { type: 'object', title: 'T' } });
    expect(await (await server.asAdmin('PATCH', path, { schema: null })).json()).toMatchObject({ schema: null });
    expect(((await (await server.asAdmin('GET', types)).json()) as { items: unknown[] }).items).toHaveLength(1);
    expect((await server.asAdmin('DELETE', path)).status).toBe(204);
    for (const method of ['GET', 'DELETE', 'PATCH']) {
      expect((await server.asAdmin(method, path, method === 'PATCH' ? {} : undefined)).status).toBe(404);
    }
  });

  it('is listed in pages, newest first', async () => {
    for (const type of ['p.1', 'p.2', 'p.3']) await server.asAdmin('POST', types, { type });
    const first = (await (await server.asAdmin('GET', `${types}?limit=2`)).json()) as {
      items: { type: string }[];
      next_cursor: string;
    };
    expect(first.items.map(({ type }) => type)).toEqual(['p.3', 'p.2']);
    const rest = (await (
      await server.asAdmin('GET', `${types}?limit=2&cursor=${first.next_cursor}`)
    ).json()) as typeof first;
    expect([rest.items.map(({ type }) => type), rest.next_cursor]).toEqual([['p.1'], null]);
  });

  it.each<[Record<string, unknown>, string]>([
    [{}, '/type'],
    [{ type: 1 }, '/type'],
    [{ type: '' }, '/type'],
    [{ type: 'order.*' }, '/type'],
    [{ type: 'oauth.x' }, '/type'],
    [{ type: 'a b' }, '/type'],
    [{ type: '..' }, '/type'],
    [{ type: 'x'.repeat(256) }, '/type'],
    [{ type: 't', foo: 1 }, '/foo'],
    [{ type: 't', description: 'a\nb' }, '/description'],
    [{ type: 't', schema: 'x' }, '/schema'],
    [{ type: 't', schema: { type: 'text' } }, '/schema/type'],
    [{ type: 't', schema: { pattern: '(' } }, '/schema'],
    [{ type: 't', schema: { $ref: 'https://example.com/x' } }, '/schema/$ref'],
    [{ type: 't', schema: { description: 'x'.repeat(17_000) } }, '/schema'],
  ])('refuses what is no type, number %#', async (body, pointer) => {
    expect(await pointersOf(server.asAdmin('POST', types, body))).toEqual([pointer]);
    expect((await server.asAdmin('GET', `${types}/t`)).status).toBe(404);
  });

  it('is for admin:events', async () => {
    const { response } = await ledger.refused(() =>
      server.fetch(types, { headers: { authorization: `Bearer ${token}` } }),
    );
    await expectProblem(response, 403);
    expect(response.headers.get('www-authenticate')).toContain('scope="admin:events"');
  });

  it('holds data against the schema, at once and on every server', async () => {
    const second = await startServer({ beside: server });
    const path = `${types}/strict`;
    const sent = (data: unknown) => event({ type: 'strict', data });
    expect((await publish(sent('anything'))).status).toBe(202);
    for (const limit of [1, 5, 9]) {
      await server.asAdmin(limit === 1 ? 'POST' : 'PATCH', limit === 1 ? types : path, {
        ...(limit === 1 ? { type: 'strict' } : {}),
        schema: { ...schema, properties: { amount: { type: 'integer', minimum: limit } } },
      });
      for (const at of [second, server]) {
        expect(await pointersOf(publish(sent({ amount: limit - 1 }), at))).toEqual(['/data/amount']);
        expect((await publish(sent({ amount: limit }), at)).status).toBe(202);
      }
    }
    const batch = [sent({ amount: 9 }), event({ data: 'x' }), sent({}), sent({ amount: 'x' })];
    expect(await pointersOf(publish(batch, second))).toEqual(['/2/data', '/3/data/amount']);
    expect(await pointersOf(publish(event({ type: 'strict' })))).toEqual(['/data']);
    expect(await pointersOf(publish(event({ type: 'strict', data_base64: 'e30=' })))).toEqual(['/data_base64']);
    await server.asAdmin('DELETE', path);
    expect((await publish(sent('anything'), second)).status).toBe(202);
    // Made anew it has version 1 again.
    await server.asAdmin('POST', types, { type: 'strict', schema: { type: 'string' } });
    for (const at of [second, server]) expect(await pointersOf(publish(sent({ amount: 9 }), at))).toEqual(['/data']);
    await second.stop();
  });

  it('L-07: a schema that never ends costs little, and stores nothing', async () => {
    await server.asAdmin('POST', types, { type: 'slow', schema: { pattern: '^(a+)+$' } });
    await server.asAdmin('POST', types, { type: 'endless', schema: { $ref: '#' } });
    expect(await pointersOf(publish(event({ type: 'slow', data: `${'a'.repeat(100)}!` })))).toEqual(['/data']);
    expect(await pointersOf(publish(event({ type: 'endless', data: 1 })))).toEqual(['/data']);
    expect((await publish(event({ type: 'slow', data: 'aaa' }))).status).toBe(202);
  });
});

it('L-07: takes no time over long and odd input', async () => {
  for (const part of ['a', '%41', '//', ':', '"', ';', '*', '.*']) {
    const long = part.repeat(4_000);
    for (const name of ['source', 'type', 'id', 'time', 'datacontenttype', 'dataschema']) {
      expect((await publish(event({ [name]: long }))).status).toBe(400);
    }
  }
});

it('answers 503 while the database is away, and what it accepted is there', async () => {
  const proxy = await openDatabaseProxy(server.database.url);
  const behind = await startServer({ beside: { ...server, database: { ...server.database, url: proxy.url } } });
  const sent = event();
  expect((await publish(event(), behind)).status).toBe(202);
  await proxy.sever();
  const refused = await publish(sent, behind);
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toMatch(/^[1-9]/);
  await proxy.restore();
  await until(async () => (await publish(sent, behind)).status === 202);
  expect(await ledger.rows('SELECT 1 FROM events WHERE source_id = $1', [sent['id']])).toHaveLength(1);
  await behind.stop();
  await proxy.sever();
});
