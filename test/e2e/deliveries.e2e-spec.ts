/** The list of deliveries and one of them over HTTP: http-api.md "Events"; M-13, M-15. */
import { randomUUID } from 'node:crypto';
import { EventRoad } from '../support/event-road.js';
import { EventRows } from '../support/event-rows.js';
import { type Receiver, startReceiver, until } from '../support/receiver.js';
import { expectProblem } from '../support/refusal.js';
import { startServer, type TestServer } from '../support/server.js';

interface Item {
  readonly id: string;
  readonly event_id: string;
  readonly subscription_id: string;
  readonly status: string;
  readonly created_at: string;
  readonly next_attempt_at: string | null;
}

interface Page {
  readonly items: Item[];
  readonly next_cursor: string | null;
}

const path = '/admin/events/deliveries';
const members = [
  'id',
  'event_id',
  'event_type',
  'subscription_id',
  'status',
  'attempt_count',
  'next_attempt_at',
  'created_at',
  'updated_at',
];

let server: TestServer;
let road: EventRoad;
let rows: EventRows;
let receiver: Receiver;

beforeAll(async () => {
  server = await startServer({ env: { EVENT_TARGET_NETWORKS: '127.0.0.0/8' } });
  road = new EventRoad(server);
  rows = await EventRows.open(server);
});

afterAll(async () => {
  await rows?.close();
  await server?.stop();
});

beforeEach(async () => {
  receiver = await startReceiver();
});

afterEach(async () => {
  await road.clear();
  await receiver.close();
});

function get(query: Record<string, string> = {}): Promise<Response> {
  return server.asAdmin('GET', `${path}?${new URLSearchParams(query).toString()}`);
}

async function list(query: Record<string, string> = {}): Promise<Page> {
  const response = await get(query);
  expect(response.status).toBe(200);
  return (await response.json()) as Page;
}

async function refused(query: Record<string, string>, pointer: string): Promise<void> {
  await refusedAt(await get(query), pointer);
}

async function refusedAt(response: Response, pointer: string): Promise<void> {
  const { errors } = (await response.clone().json()) as { errors: { pointer: string }[] };
  await expectProblem(response, 400);
  expect(errors.map((fault) => fault.pointer)).toEqual([pointer]);
}

/** A polled subscription with so many deliveries that nobody fetches. */
async function waiting(count: number): Promise<string> {
  const { client_id } = await server.createClient({ client_name: 'R', scope: 'events:publish' });
  const id = await rows.subscription({ clientId: client_id });
  for (let made = 0; made < count; made += 1) await rows.delivery(id);
  return id;
}

describe('GET /admin/events/deliveries', () => {
  it('shows the members of the contract and no other, newest first', async () => {
    const { id } = await road.subscribe(receiver.url);
    const events = await road.publish({}, {}, {});
    await until(() => road.allAre('succeeded', 3, id));
    const { items } = await list({ subscription_id: id });
    expect(items.map(({ event_id: event }) => event)).toEqual(events.toReversed());
    for (const item of items) {
      expect(Object.keys(item)).toEqual(members);
      expect(item).toMatchObject({
        event_type: 'test.happened',
        subscription_id: id,
        attempt_count: 1,
        next_attempt_at: null,
        created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      });
    }
  });

  it('filters by subscription, event and status', async () => {
    const one = await road.subscribe(receiver.url);
    const other = await road.subscribe(receiver.url);
    const [event = ''] = await road.publish({});
    await until(async () => (await road.allAre('succeeded', 1, one.id)) && road.allAre('succeeded', 1, other.id));
    const both = await list({ event_id: event });
    expect(both.items.map(({ subscription_id: id }) => id).toSorted()).toEqual([one.id, other.id].toSorted());
    expect((await list({ event_id: event.toUpperCase(), subscription_id: one.id })).items).toHaveLength(1);
    expect((await list({ event_id: event, status: 'succeeded' })).items).toHaveLength(2);
    for (const status of ['pending', 'retrying', 'held', 'dead', 'cancelled']) {
      expect((await list({ event_id: event, status })).items).toEqual([]);
    }
    expect((await list({ subscription_id: randomUUID() })).items).toEqual([]);
  });

  it('shows as held what is open while the subscription is paused or its breaker open, and nothing else', async () => {
    const id = await waiting(2);
    await rows.query(
      `UPDATE deliveries SET status = 'retrying' WHERE id = (SELECT id FROM deliveries WHERE subscription_id = $1 LIMIT 1)`,
      [id],
    );
    const { id: dead } = await rows.delivery(id, { status: 'dead' });
    const statuses = async (status?: string) =>
      (await list({ subscription_id: id, ...(status === undefined ? {} : { status }) })).items
        .map((item) => item.status)
        .toSorted();
    expect(await statuses()).toEqual(['dead', 'pending', 'retrying']);
    for (const hold of [
      `UPDATE subscriptions SET status = 'paused' WHERE id = $1`,
      `UPDATE subscription_health SET breaker = 'open' WHERE subscription_id = $1`,
    ]) {
      await rows.query(hold, [id]);
      expect(await statuses()).toEqual(['dead', 'held', 'held']);
      expect(await statuses('held')).toEqual(['held', 'held']);
      expect(await statuses('pending')).toEqual([]);
      expect(await statuses('retrying')).toEqual([]);
      expect((await list({ subscription_id: id, status: 'dead' })).items.map((item) => item.id)).toEqual([dead]);
      await rows.query(`UPDATE subscriptions SET status = 'active' WHERE id = $1`, [id]);
    }
    await rows.query(`UPDATE subscription_health SET breaker = 'closed' WHERE subscription_id = $1`, [id]);
    expect(await statuses('held')).toEqual([]);
    expect(await statuses('retrying')).toEqual(['retrying']);
  });

  it('M-15: pages through everything once, stable under inserts, with cursors of this list and filter only', async () => {
    const id = await waiting(7);
    // Deliveries of one batch are made in one moment.
    await rows.query(`UPDATE deliveries SET created_at = '2026-01-01T00:00:00.123456Z' WHERE subscription_id = $1`, [
      id,
    ]);
    const whole = (await list({ subscription_id: id })).items.map((item) => item.id);
    expect(whole).toHaveLength(7);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Page = await list({ subscription_id: id, limit: '3', ...(cursor === null ? {} : { cursor }) });
      seen.push(...page.items.map((item) => item.id));
      cursor = page.next_cursor;
      await rows.delivery(id);
    } while (cursor !== null);
    expect(seen).toEqual(whole);

    const { next_cursor: foreign } = await list({ subscription_id: id, limit: '1' });
    const { next_cursor: tokens } = (await (await server.asAdmin('GET', '/admin/oauth/tokens?limit=1')).json()) as Page;
    await refused({ cursor: foreign ?? '' }, '/cursor');
    await refused({ subscription_id: id, status: 'pending', cursor: foreign ?? '' }, '/cursor');
    for (const bad of [tokens ?? 'x', '', `${foreign?.slice(0, -1)}_`, 'e30']) {
      await refused({ subscription_id: id, cursor: bad }, '/cursor');
    }
  });

  it('M-15: refuses bad parameters by name', async () => {
    for (const limit of ['0', '-1', '201', '1e9', '1;drop', 'NaN']) await refused({ limit }, '/limit');
    for (const name of ['subscription_id', 'event_id']) {
      for (const value of ['', 'x', '%', `' OR 1=1`, randomUUID().slice(1), `${randomUUID()}\0`]) {
        await refused({ [name]: value }, `/${name}`);
      }
    }
    for (const status of ['', 'Pending', 'leased', 'held,dead', '__proto__']) await refused({ status }, '/status');
    await refusedAt(await server.asAdmin('GET', `${path}?status=dead&status=held`), '/status');
  });
});

describe('GET /admin/events/deliveries/{id}', () => {
  it('adds the attempts, in their order', async () => {
    let answered = 0;
    receiver.answer((_, response) => {
      answered += 1;
      if (answered > 1) return 200;
      response.statusCode = 503;
      response.end('<b>not now</b>');
      return undefined;
    });
    const { id } = await road.subscribe(receiver.url, { retry: { backoff_seconds: [1] } });
    await road.publish({});
    await until(async () => (await road.statuses(id)).join() === 'retrying');
    const { items } = await list({ subscription_id: id });
    expect(items[0]?.next_attempt_at).not.toBeNull();
    await until(() => road.allAre('succeeded', 1, id));
    const response = await server.asAdmin('GET', `${path}/${items[0]?.id}`);
    expect(response.status).toBe(200);
    const detail = (await response.json()) as Item & { attempts: Record<string, unknown>[] };
    expect(Object.keys(detail)).toEqual([...members, 'attempts']);
    expect(detail).toMatchObject({
      status: 'succeeded',
      attempt_count: 2,
      next_attempt_at: null,
      attempts: [
        { status_code: 503, response_excerpt: '<b>not now</b>', duration_ms: expect.any(Number) },
        { status_code: 200, error: null, response_excerpt: null },
      ],
    });
    for (const attempt of detail.attempts) {
      expect(Object.keys(attempt)).toEqual(['at', 'status_code', 'error', 'duration_ms', 'response_excerpt']);
    }
  });

  it('M-13: 404 for what there is not', async () => {
    const subscription = await waiting(1);
    for (const id of [randomUUID(), subscription, 'x', '..%2Fmetrics', `%27`]) {
      await expectProblem(await server.asAdmin('GET', `${path}/${id}`), 404);
    }
  });
});

it('needs admin:events, and nothing that reads changes anything', async () => {
  const weak = await server.createClient({ client_name: 'W', scope: 'admin:oauth admin:system events:publish' });
  const enough = await server.createClient({ client_name: 'E', scope: 'admin:events' });
  for (const place of [path, `${path}/${randomUUID()}`, '/admin/events/metrics']) {
    const send = async (token: string) => server.fetch(place, { headers: { authorization: `Bearer ${token}` } });
    expect((await send(await server.tokenOf(weak))).status).toBe(403);
    expect([200, 404]).toContain((await send(await server.tokenOf(enough))).status);
    expect((await server.asAdmin('POST', place, {})).status).toBe(405);
  }
});
