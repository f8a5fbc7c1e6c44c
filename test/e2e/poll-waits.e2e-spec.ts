/** Long polls: what ends a wait, and how many there may be (security.md L-11). */
import { setTimeout as sleep } from 'node:timers/promises';
import { EventRows } from '../support/event-rows.js';
import { expectBadToken, expectProblem } from '../support/refusal.js';
import { type Credentials, startServer, type TestServer } from '../support/server.js';

interface Polled {
  readonly items: { readonly delivery_id: string; readonly attempt: number }[];
}

let server: TestServer;
let other: TestServer;
let rows: EventRows;
let receiver: Credentials;
let token: string;

beforeAll(async () => {
  server = await startServer();
  other = await startServer({ beside: server });
  rows = await EventRows.open(server);
  await server.asAdmin('POST', '/admin/oauth/scopes', { name: 'events:poll' });
  receiver = await server.createClient({ client_name: 'Receiver', scope: 'events:poll' });
  token = await server.tokenOf(receiver);
});

afterAll(async () => {
  await rows?.close();
  await other?.stop();
  await server?.stop();
});

function subscribed(client = receiver): Promise<string> {
  return rows.subscription({ clientId: client.client_id });
}

function ask(subscription: string, seconds: number, more: { bearer?: string; signal?: AbortSignal } = {}) {
  const headers = { authorization: `Bearer ${more.bearer ?? token}` };
  const query = `subscription_id=${subscription}&wait_seconds=${seconds}`;
  return server.fetch(`/events/poll?${query}`, { headers, ...(more.signal && { signal: more.signal }) });
}

async function deliveryIds(response: Response): Promise<string[]> {
  expect(response.status).toBe(200);
  return ((await response.json()) as Polled).items.map(({ delivery_id }) => delivery_id);
}

/** Until the server has surely received what was sent before. */
async function settled(): Promise<void> {
  await sleep(300);
  await server.fetch('/health/live');
}

it('waits for what another process makes due', async () => {
  const subscription = await subscribed();
  const waiting = ask(subscription, 30);
  await settled();
  const { id } = await rows.delivery(subscription);
  expect(await deliveryIds(await waiting)).toEqual([id]);
});

it.each(['the same', 'another'])('waits for what is replayed by %s process', async (which) => {
  const subscription = await subscribed();
  const { id, deadLetterId } = await rows.deadLetter(subscription);
  const waiting = ask(subscription, 30);
  await settled();
  const at = which === 'another' ? other : server;
  expect((await at.asAdmin('POST', `/admin/events/dead-letters/${deadLetterId}/replay`)).status).toBe(202);
  expect(await deliveryIds(await waiting)).toEqual([id]);
});

it('waits for the end of a lease', async () => {
  const subscription = await subscribed();
  const { id } = await rows.delivery(subscription);
  const query = `subscription_id=${subscription}&visibility_seconds=1`;
  await server.fetch(`/events/poll?${query}`, { headers: { authorization: `Bearer ${token}` } });
  const again = (await (await ask(subscription, 30)).json()) as Polled;
  expect(again.items).toMatchObject([{ delivery_id: id, attempt: 2 }]);
});

it('answers with nothing when the time is over', async () => {
  expect(await (await ask(await subscribed(), 1)).json()).toEqual({ items: [], more_available: false });
});

it('hands out nothing to a connection that has closed', async () => {
  const subscription = await subscribed();
  const closing = new AbortController();
  const waiting = ask(subscription, 30, { signal: closing.signal });
  await settled();
  closing.abort();
  await expect(waiting).rejects.toThrow();
  await settled();
  const { id } = await rows.delivery(subscription);
  expect(await (await ask(await subscribed(), 1)).json()).toMatchObject({ items: [] });
  const polled = (await (await ask(subscription, 0)).json()) as Polled;
  expect(polled.items).toMatchObject([{ delivery_id: id, attempt: 1 }]);
});

it('L-11: bounds the polls of a client that wait, and those of no other', async () => {
  const greedy = await server.createClient({ client_name: 'Greedy', scope: 'events:poll' });
  const bearer = await server.tokenOf(greedy);
  const subscription = await subscribed(greedy);
  const closing = new AbortController();
  const { signal } = closing;
  const refused: Response[] = [];
  const waiting = Array.from({ length: 40 }, async () => {
    const response = await ask(subscription, 30, { bearer, signal });
    if (response.status === 429) refused.push(response);
    return response.status;
  });
  while (refused.length < 30) await settled();
  expect(refused.length).toBe(30);
  await expectProblem(refused[0] as Response, 429);
  expect(refused[0]?.headers.get('retry-after')).toBe('1');

  expect((await ask(subscription, 0, { bearer })).status).toBe(200);
  expect((await ask(await subscribed(), 1)).status).toBe(200);
  closing.abort();
  await Promise.allSettled(waiting);
  await settled();
  expect((await ask(subscription, 1, { bearer })).status).toBe(200);
});

it('hands out nothing to a token that ended during the wait', async () => {
  const bearer = await server.tokenOf(receiver);
  const subscription = await subscribed();
  const waiting = ask(subscription, 30, { bearer });
  await settled();
  const { jti } = JSON.parse(Buffer.from(bearer.split('.')[1] ?? '', 'base64url').toString()) as { jti: string };
  expect((await server.asAdmin('POST', `/admin/oauth/tokens/${jti}/revoke`, {})).status).toBe(204);
  const { id } = await rows.delivery(subscription);
  await expectBadToken(await waiting);
  expect(await deliveryIds(await ask(subscription, 0))).toEqual([id]);
});

it('ends a wait for a subscription that is deleted', async () => {
  const subscription = await subscribed();
  const waiting = ask(subscription, 30);
  await settled();
  await rows.query('UPDATE subscriptions SET deleted_at = now() WHERE id = $1', [subscription]);
  await expectProblem(await waiting, 404);
});

it('ends every wait when the server stops', async () => {
  const third = await startServer({ beside: server });
  const subscription = await subscribed();
  const headers = { authorization: `Bearer ${token}` };
  const waiting = third.fetch(`/events/poll?subscription_id=${subscription}&wait_seconds=30`, { headers });
  await settled();
  await third.stop();
  expect(await deliveryIds(await waiting)).toEqual([]);
});
