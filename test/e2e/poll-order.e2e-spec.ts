/** Polling where events have an order, and from several places at once. */
import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { EventRows, type WrittenDelivery } from '../support/event-rows.js';
import { type Credentials, startServer, type TestServer } from '../support/server.js';

interface Item {
  readonly delivery_id: string;
  readonly webhook_id: string;
  readonly attempt: number;
}

let servers: readonly [TestServer, TestServer];
let rows: EventRows;
let receiver: Credentials;
let token: string;

beforeAll(async () => {
  const server = await startServer();
  servers = [server, await startServer({ beside: server })];
  rows = await EventRows.open(server);
  await server.asAdmin('POST', '/admin/oauth/scopes', { name: 'events:poll' });
  receiver = await server.createClient({ client_name: 'Receiver', scope: 'events:poll' });
  token = await server.tokenOf(receiver);
});

afterAll(async () => {
  await rows?.close();
  for (const server of servers.toReversed()) await server.stop();
});

function ordered(): Promise<string> {
  return rows.subscription({ clientId: receiver.client_id, ordering: 'subject' });
}

async function poll(subscription: string, { max = 100, wait = 0, at = servers[0] } = {}): Promise<Item[]> {
  const query = `subscription_id=${subscription}&max_events=${max}&wait_seconds=${wait}`;
  const response = await at.fetch(`/events/poll?${query}`, { headers: { authorization: `Bearer ${token}` } });
  expect(response.status).toBe(200);
  return ((await response.json()) as { items: Item[] }).items;
}

async function ids(...args: Parameters<typeof poll>): Promise<string[]> {
  return (await poll(...args)).map(({ delivery_id }) => delivery_id);
}

async function settle(body: object, at = servers[0]): Promise<{ acknowledged: number; rejected: number }> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const response = await at.fetch('/events/ack', { method: 'POST', headers, body: JSON.stringify(body) });
  expect(response.status).toBe(200);
  return (await response.json()) as { acknowledged: number; rejected: number };
}

async function written(subscription: string, subjects: string): Promise<WrittenDelivery[]> {
  const deliveries = [];
  for (const subject of subjects) deliveries.push(await rows.delivery(subscription, { subject }));
  return deliveries;
}

describe('ordering by subject', () => {
  it('hands out the first of each subject, and the next when that is over', async () => {
    const subscription = await ordered();
    const [a1, a2, b1, a3] = await written(subscription, 'aaba').then((all) => all.map(({ id }) => id));
    const alone = (await rows.delivery(subscription)).id;
    expect(await ids(subscription)).toEqual([a1, b1, alone]);
    expect(await ids(subscription)).toEqual([]);
    await settle({ subscription_id: subscription, acks: [a1, b1] });
    expect(await ids(subscription)).toEqual([a2]);
    await settle({ subscription_id: subscription, nacks: [a2] });
    expect(await ids(subscription, { wait: 30 })).toEqual([a3]);
  });

  it('hands out again before it goes on', async () => {
    const subscription = await ordered();
    const [a1] = await written(subscription, 'aa');
    await poll(subscription);
    await rows.query('UPDATE deliveries SET due_at = now() WHERE id = $1', [a1?.id]);
    expect(await poll(subscription)).toMatchObject([{ delivery_id: a1?.id, attempt: 2 }]);
  });

  it('wakes a poll that waits for what follows', async () => {
    const subscription = await ordered();
    const [a1, a2] = await written(subscription, 'aa');
    await poll(subscription);
    const waiting = ids(subscription, { wait: 30, at: servers[1] });
    await settle({ subscription_id: subscription, acks: [a1?.id] });
    expect(await waiting).toEqual([a2?.id]);
  });

  it('gets past a long line of one subject', async () => {
    const subscription = await ordered();
    const [a] = await written(subscription, 'a'.repeat(450));
    const [b] = await written(subscription, 'b');
    const received = await ids(subscription, { wait: 30 });
    while (received.length < 2) received.push(...(await ids(subscription, { wait: 30 })));
    expect(received).toEqual([a?.id, b?.id]);
  });

  it('waits for an earlier event that has yet to be routed', async () => {
    const subscription = await ordered();
    const publisher = new Client({ connectionString: servers[0].database.url });
    await publisher.connect();
    const earlier = randomUUID();
    await publisher.query(
      `INSERT INTO events (id, source, source_id, type, subject, occurred_at, envelope, routed_at)
       VALUES ($1, 'shop/orders', 'earlier', 'order.other', 'late', now(), '{}', now())`,
      [earlier],
    );
    const { id } = await rows.delivery(subscription, { subject: 'late' });
    // The router passes over what somebody else has locked.
    await publisher.query('BEGIN');
    await publisher.query('SELECT 1 FROM events WHERE id = $1 FOR KEY SHARE', [earlier]);
    await rows.query('UPDATE events SET routed_at = NULL WHERE id = $1', [earlier]);
    expect(await ids(subscription, { wait: 1 })).toEqual([]);
    await publisher.query('COMMIT');
    await publisher.end();
    expect(await ids(subscription, { wait: 30 })).toEqual([id]);
  });

  it('frees what was put aside when the order is given up', async () => {
    const subscription = await ordered();
    const [, a2] = await written(subscription, 'aa');
    await poll(subscription);
    await rows.query(`UPDATE subscriptions SET ordering = 'none' WHERE id = $1`, [subscription]);
    expect(await ids(subscription)).toEqual([a2?.id]);
  });

  it('keeps the order, whoever polls and acknowledges', async () => {
    const subscription = await ordered();
    const subjects = 'abcabcaabbccabc'.repeat(6);
    const expected = new Map<string, string[]>();
    for (const [n, delivery] of (await written(subscription, subjects)).entries()) {
      const subject = subjects[n] ?? '';
      expected.set(subject, [...(expected.get(subject) ?? []), delivery.id]);
    }
    const subjectOf = new Map([...expected].flatMap(([subject, all]) => all.map((id) => [id, subject] as const)));
    const received = new Map<string, string[]>();
    let left = subjects.length;
    const work = async (at: TestServer) => {
      while (left > 0) {
        for (const id of await ids(subscription, { wait: 1, at })) {
          const subject = subjectOf.get(id) ?? '';
          received.set(subject, [...(received.get(subject) ?? []), id]);
          const { acknowledged } = await settle({ subscription_id: subscription, acks: [id] }, at);
          left -= acknowledged;
        }
      }
    };
    await Promise.all([...servers, ...servers].map((at) => work(at)));
    expect(received).toEqual(expected);
  });
});

it('hands out nothing twice, whoever polls', async () => {
  const subscription = await rows.subscription({ clientId: receiver.client_id });
  const all = await written(subscription, 'x'.repeat(120));
  const handed: string[] = [];
  const work = async (at: TestServer) => {
    while (handed.length < all.length) handed.push(...(await ids(subscription, { max: 7, wait: 1, at })));
  };
  await Promise.all([...servers, ...servers].map((at) => work(at)));
  expect(handed.toSorted()).toEqual(all.map(({ id }) => id).toSorted());
});

it('settles each delivery once, whoever says how', async () => {
  const subscription = await rows.subscription({ clientId: receiver.client_id });
  const all = (await written(subscription, 'x'.repeat(40))).map(({ id }) => id);
  await poll(subscription);
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, n) => {
      const named = n % 2 === 0 ? all : all.toReversed();
      const body = { subscription_id: subscription, ...(n % 4 < 2 ? { acks: named } : { nacks: named }) };
      return settle(body, servers[n % 2] ?? servers[0]);
    }),
  );
  const acknowledged = answers.reduce((sum, answer) => sum + answer.acknowledged, 0);
  const rejected = answers.reduce((sum, answer) => sum + answer.rejected, 0);
  expect(acknowledged + rejected).toBe(40);
  const [counted] = await rows.query(
    `SELECT count(*) FILTER (WHERE status = 'succeeded')::int AS acknowledged, count(*) FILTER (WHERE status = 'dead')::int AS rejected,
       (SELECT count(*)::int FROM dead_letters WHERE subscription_id = $1) AS letters,
       (SELECT count(*)::int FROM delivery_attempts WHERE subscription_id = $1) AS attempts
     FROM deliveries WHERE subscription_id = $1`,
    [subscription],
  );
  expect(counted).toEqual({ acknowledged, rejected, letters: rejected, attempts: 40 });
});
