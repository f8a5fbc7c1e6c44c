/** Polling: what is handed out, when it comes again, and how it is settled. */
import { randomUUID } from 'node:crypto';
import { EventRows } from '../support/event-rows.js';
import { expectProblem, expectTooLittleScope } from '../support/refusal.js';
import { type Credentials, startServer, type TestServer } from '../support/server.js';

interface Item {
  readonly delivery_id: string;
  readonly webhook_id: string;
  readonly attempt: number;
  readonly event: unknown;
}

interface Polled {
  readonly items: Item[];
  readonly more_available: boolean;
}

let server: TestServer;
let rows: EventRows;
let receiver: Credentials;
let token: string;

beforeAll(async () => {
  server = await startServer();
  rows = await EventRows.open(server);
  await server.asAdmin('POST', '/admin/oauth/scopes', { name: 'events:poll' });
  receiver = await server.createClient({ client_name: 'Receiver', scope: 'events:poll' });
  token = await server.tokenOf(receiver);
});

afterAll(async () => {
  await rows?.close();
  await server?.stop();
});

function subscribed(more: { ordering?: 'subject'; status?: 'paused' } = {}): Promise<string> {
  return rows.subscription({ clientId: receiver.client_id, ...more });
}

function ask(query: string, bearer = token, init: RequestInit = {}): Promise<Response> {
  return server.fetch(`/events/poll?${query}`, { headers: { authorization: `Bearer ${bearer}` }, ...init });
}

async function poll(subscription: string, query = ''): Promise<Polled> {
  const response = await ask(`subscription_id=${subscription}${query}`);
  expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store']);
  return (await response.json()) as Polled;
}

async function ack(body: object, bearer = token): Promise<Response> {
  const headers = { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' };
  return server.fetch('/events/ack', { method: 'POST', headers, body: JSON.stringify(body) });
}

async function acked(body: object): Promise<unknown> {
  const response = await ack(body);
  expect(response.status).toBe(200);
  return response.json();
}

function deliveryIds({ items }: Polled): string[] {
  return items.map(({ delivery_id }) => delivery_id);
}

/** Ends the leases of a subscription. */
async function expire(subscription: string): Promise<void> {
  await rows.query('UPDATE deliveries SET due_at = now() WHERE subscription_id = $1 AND lease_token IS NOT NULL', [
    subscription,
  ]);
}

async function one<Row>(text: string, values: unknown[]): Promise<Row> {
  const [row] = await rows.query<Row>(text, values);
  if (row === undefined) throw new Error('no row');
  return row;
}

async function pointers(response: Response): Promise<string[]> {
  await expectProblem(response, 400);
  return ((await response.json()) as { errors: { pointer: string }[] }).errors.map(({ pointer }) => pointer);
}

it('hands out what is due in the order of publication, and nothing twice', async () => {
  const subscription = await subscribed();
  const written = [];
  for (let n = 0; n < 12; n += 1) written.push(await rows.delivery(subscription));
  const first = await poll(subscription);
  expect(first).toEqual({
    items: written.slice(0, 10).map(({ id, eventId, envelope }) => ({
      delivery_id: id,
      webhook_id: eventId,
      attempt: 1,
      event: JSON.parse(envelope) as unknown,
    })),
    more_available: true,
  });
  const second = await poll(subscription, '&max_events=100');
  expect([deliveryIds(second), second.more_available]).toEqual([written.slice(10).map(({ id }) => id), false]);
  expect(await poll(subscription)).toEqual({ items: [], more_available: false });
});

it('hands out the event as it was stored, byte for byte', async () => {
  const subscription = await subscribed();
  const envelope = '{"specversion":"1.0", "data":{"n":12345678901234567890.10,"e":1E+2,"s":"\\u00e9\\/é"},  "id":"1"}';
  await rows.delivery(subscription, { envelope });
  const response = await ask(`subscription_id=${subscription}`);
  expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
  expect(await response.text()).toContain(`"event":${envelope}}`);
});

it('lets urgent events go before a backlog', async () => {
  const subscription = await subscribed();
  const [one, two] = [await rows.delivery(subscription), await rows.delivery(subscription)];
  const urgent = await rows.delivery(subscription, { type: 'oauth.token.revoked', lane: 'security' });
  expect(deliveryIds(await poll(subscription, '&max_events=2'))).toEqual([one.id, urgent.id]);
  expect(deliveryIds(await poll(subscription))).toEqual([two.id]);
});

it('hands out again what was not acknowledged in time, with the same webhook_id', async () => {
  const subscription = await subscribed();
  const { id, eventId } = await rows.delivery(subscription);
  await poll(subscription, '&visibility_seconds=3600');
  const lease = await one<{ far: boolean }>(
    `SELECT due_at > now() + interval '59 minutes' AS far FROM deliveries WHERE id = $1`,
    [id],
  );
  expect(lease.far).toBe(true);
  await expire(subscription);
  expect((await poll(subscription)).items).toMatchObject([{ delivery_id: id, webhook_id: eventId, attempt: 2 }]);
  expect(await attemptsOf(id)).toEqual([{ attempt: 1, error: 'not_acknowledged' }]);
  expect(await statusOf(id)).toBe('retrying');

  // The receiver is late, but has it.
  await expire(subscription);
  expect(await acked({ subscription_id: subscription, acks: [id] })).toEqual({ acknowledged: 1, rejected: 0 });
  expect(await attemptsOf(id)).toEqual([
    { attempt: 1, error: 'not_acknowledged' },
    { attempt: 2, error: null },
  ]);
  expect(await statusOf(id)).toBe('succeeded');
  expect(await poll(subscription)).toEqual({ items: [], more_available: false });
  expect(
    await one(
      `SELECT succeeded::int, dead::int, attempts_succeeded::int AS good, attempts_failed::int AS bad
       FROM subscription_health WHERE subscription_id = $1`,
      [subscription],
    ),
  ).toEqual({ succeeded: 1, dead: 0, good: 1, bad: 1 });
});

it('takes deliveries and events, counts each once, and passes over what is none', async () => {
  const subscription = await subscribed();
  const [a, b] = [await rows.delivery(subscription), await rows.delivery(subscription)];
  const foreign = await rows.delivery(await subscribed());
  await poll(subscription);
  const untouched = await rows.delivery(subscription);
  const acks = [a.id.toUpperCase(), a.eventId, b.eventId, foreign.id, foreign.eventId, untouched.id, randomUUID()];
  const body = { subscription_id: subscription, acks };
  expect(await acked(body)).toEqual({ acknowledged: 2, rejected: 0 });
  expect(await acked(body)).toEqual({ acknowledged: 0, rejected: 0 });
  expect(await acked({ subscription_id: subscription, acks: [] })).toEqual({ acknowledged: 0, rejected: 0 });
  expect([await statusOf(foreign.id), await statusOf(untouched.id)]).toEqual(['pending', 'pending']);
});

it('makes a dead letter of what the receiver refuses for good, which may be replayed', async () => {
  const subscription = await subscribed();
  const { id, eventId } = await rows.delivery(subscription);
  await poll(subscription);
  expect(await acked({ subscription_id: subscription, nacks: [eventId] })).toEqual({ acknowledged: 0, rejected: 1 });
  const listed = await server.asAdmin('GET', `/admin/events/dead-letters?subscription_id=${subscription}`);
  const { items } = (await listed.json()) as { items: { id: string }[] };
  expect(items).toMatchObject([{ delivery_id: id, event_id: eventId, reason: 'rejected', attempt_count: 1 }]);
  const deadLetterId = items[0]?.id ?? '';
  expect(await one('SELECT type, data FROM events WHERE subject = $1', [deadLetterId])).toMatchObject({
    type: 'event.dead_lettered',
    data: { delivery_id: id, reason: 'rejected' },
  });

  expect((await server.asAdmin('POST', `/admin/events/dead-letters/${deadLetterId}/replay`)).status).toBe(202);
  expect((await poll(subscription)).items).toMatchObject([{ delivery_id: id, webhook_id: eventId, attempt: 2 }]);
  expect(await attemptsOf(id)).toEqual([{ attempt: 1, error: 'rejected' }]);
  expect(await acked({ subscription_id: subscription, acks: [id] })).toEqual({ acknowledged: 1, rejected: 0 });
});

it('does not tell of the death of what tells of a death', async () => {
  const subscription = await subscribed();
  const { id } = await rows.delivery(subscription, { type: 'event.dead_lettered' });
  await poll(subscription);
  const before = await one<{ n: number }>('SELECT count(*)::int AS n FROM events', []);
  expect(await acked({ subscription_id: subscription, nacks: [id] })).toEqual({ acknowledged: 0, rejected: 1 });
  expect(await one('SELECT count(*)::int AS n FROM events', [])).toEqual(before);
});

it('holds the events of a paused subscription', async () => {
  const subscription = await subscribed({ status: 'paused' });
  const { id } = await rows.delivery(subscription);
  expect(await poll(subscription)).toEqual({ items: [], more_available: false });
  const waiting = poll(subscription, '&wait_seconds=20');
  await rows.query(`UPDATE subscriptions SET status = 'active' WHERE id = $1`, [subscription]);
  expect(deliveryIds(await waiting)).toEqual([id]);
});

it('fills an answer with what it can carry', async () => {
  const subscription = await subscribed();
  const envelope = JSON.stringify({ data: 'x'.repeat(3_000_000) });
  const [a, b] = [await rows.delivery(subscription, { envelope }), await rows.delivery(subscription, { envelope })];
  const first = await poll(subscription);
  expect([deliveryIds(first), first.more_available]).toEqual([[a.id], true]);
  expect(deliveryIds(await poll(subscription))).toEqual([b.id]);
});

it('hands out nothing to HEAD', async () => {
  const subscription = await subscribed();
  const { id } = await rows.delivery(subscription);
  expect((await ask(`subscription_id=${subscription}`, token, { method: 'HEAD' })).status).toBe(200);
  expect((await one<{ n: number }>('SELECT attempt_count AS n FROM deliveries WHERE id = $1', [id])).n).toBe(0);
});

it('M-13: knows only polled subscriptions of the caller', async () => {
  const other = await server.createClient({ client_name: 'Other', scope: 'events:poll' });
  const deleted = await subscribed();
  await rows.query('UPDATE subscriptions SET deleted_at = now() WHERE id = $1', [deleted]);
  const pushed = await rows.subscription({ clientId: receiver.client_id, delivery: 'push' });
  const foreign = await rows.subscription({ clientId: other.client_id });
  const { id } = await rows.delivery(foreign);
  for (const subscription of [deleted, pushed, foreign, randomUUID()]) {
    await expectProblem(await ask(`subscription_id=${subscription}`), 404);
    await expectProblem(await ack({ subscription_id: subscription, acks: [id], nacks: [] }), 404);
  }
  expect(await statusOf(id)).toBe('pending');
});

it('needs events:poll', async () => {
  const publisher = await server.createClient({ client_name: 'Publisher', scope: 'events:publish' });
  const weak = await server.tokenOf(publisher);
  const subscription = await subscribed();
  await expectTooLittleScope(await ask(`subscription_id=${subscription}`, weak), 'events:poll');
  await expectTooLittleScope(await ack({ subscription_id: subscription, acks: [] }, weak), 'events:poll');
});

const some = 'subscription_id=01957f3c-8a4e-7c21-9d0b-5e1f2a3b4c5d';

it.each<[string, string[]]>([
  ['', ['/subscription_id']],
  ['subscription_id=x', ['/subscription_id']],
  [`${some}&wait_seconds=31`, ['/wait_seconds']],
  [`${some}&wait_seconds=-1`, ['/wait_seconds']],
  [`${some}&wait_seconds=1e9`, ['/wait_seconds']],
  [`${some}&wait_seconds=1.5`, ['/wait_seconds']],
  [`${some}&wait_seconds=`, ['/wait_seconds']],
  [`${some}&max_events=0&visibility_seconds=0`, ['/max_events', '/visibility_seconds']],
  [`${some}&max_events=101&visibility_seconds=3601`, ['/max_events', '/visibility_seconds']],
  [`${some}&max_events=1&max_events=2`, ['/max_events']],
])('L-11: refuses the query %j', async (query, expected) => {
  expect(await pointers(await ask(query))).toEqual(expected);
});

it.each<[object, string[]]>([
  [{}, ['/subscription_id']],
  [{ subscription_id: randomUUID() }, ['/acks']],
  [{ subscription_id: 'x', acks: [] }, ['/subscription_id']],
  [{ subscription_id: randomUUID(), acks: 'x' }, ['/acks']],
  [{ subscription_id: randomUUID(), acks: null }, ['/acks']],
  [{ subscription_id: randomUUID(), acks: [1, 'x'], nacks: [''] }, ['/acks/0', '/acks/1', '/nacks/0']],
  [{ subscription_id: randomUUID(), acks: Array.from({ length: 1001 }, () => randomUUID()) }, ['/acks']],
  [{ subscription_id: randomUUID(), acks: [], ack: [] }, ['/ack']],
])('refuses the body, case %#', async (body, expected) => {
  expect(await pointers(await ack(body))).toEqual(expected);
});

it('refuses what is acknowledged and refused at once', async () => {
  const id = randomUUID();
  expect(await pointers(await ack({ subscription_id: id, acks: [id], nacks: [id] }))).toEqual(['/nacks/0']);
});

function attemptsOf(id: string): Promise<unknown[]> {
  return rows.query('SELECT attempt, error FROM delivery_attempts WHERE delivery_id = $1 ORDER BY attempt', [id]);
}

async function statusOf(id: string): Promise<string> {
  return (await one<{ status: string }>('SELECT status FROM deliveries WHERE id = $1', [id])).status;
}
