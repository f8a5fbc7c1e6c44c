/** A token that goes with deliveries ends when it is cut, wherever it is kept (http-api.md "Events", security.md D5, M-23). */
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { EventRoad } from '../support/event-road.js';
import { type Receiver, startReceiver, until } from '../support/receiver.js';
import { basic, startServer, type TestServer } from '../support/server.js';

interface Sent {
  readonly subscription: string;
  readonly client: string;
  /** What the first delivery carried. */
  readonly token: string;
  readonly jti: string;
  readonly kid: string;
}

let server: TestServer;
let road: EventRoad;
let receiver: Receiver;

beforeEach(async () => {
  server = await startServer({ env: { EVENT_TARGET_NETWORKS: '127.0.0.0/8' } });
  road = new EventRoad(server);
  receiver = await startReceiver();
});

afterEach(async () => {
  await server.stop();
  await receiver.close();
});

/** With a token of this moment: the one of `asAdmin` may have been cut. */
async function asFreshAdmin(method: string, path: string, body?: object): Promise<Response> {
  const authorization = `Bearer ${await server.tokenOf(server.admin)}`;
  if (body === undefined) return server.fetch(path, { method, headers: { authorization } });
  const headers = { authorization, 'content-type': 'application/json' };
  return server.fetch(path, { method, headers, body: JSON.stringify(body) });
}

async function sendTest(subscription: string): Promise<void> {
  expect((await asFreshAdmin('POST', `/admin/events/subscriptions/${subscription}/test`)).status).toBe(202);
}

function bearers(): string[] {
  return receiver.received.map(({ headers }) => headers.authorization?.replace(/^Bearer /, '') ?? '');
}

/** A subscription that has got two deliveries with the same token. */
async function sentTwice(): Promise<Sent> {
  const { client_id: client } = await server.createClient({
    client_name: 'service',
    scope: 'read:profile',
    access_token_ttl_seconds: 3_600,
  });
  const { id: subscription } = await road.subscribe(receiver.url, {
    client_id: client,
    auth: { type: 'oauth2', scope: 'read:profile' },
    retry: { backoff_seconds: [1] },
  });
  for (const count of [1, 2]) {
    await sendTest(subscription);
    await until(() => receiver.received.length === count);
  }
  const [token = '', again] = bearers();
  expect(again).toBe(token);
  return { subscription, client, token, jti: decodeJwt(token).jti ?? '', kid: decodeProtectedHeader(token).kid ?? '' };
}

it.each<[string, (sent: Sent) => Promise<Response>]>([
  ['it was revoked', ({ jti }) => asFreshAdmin('POST', `/admin/oauth/tokens/${jti}/revoke`)],
  ['all of its client were', ({ client }) => asFreshAdmin('POST', `/admin/oauth/clients/${client}/revoke-tokens`)],
  ['its key was', ({ kid }) => asFreshAdmin('POST', `/admin/oauth/keys/${kid}/revoke`)],
  [
    'its client has changed',
    ({ client }) => asFreshAdmin('PATCH', `/admin/oauth/clients/${client}`, { scope: 'read:profile read:groups' }),
  ],
])('D5: no delivery carries a token after %s, but a new one', async (_, cut) => {
  const sent = await sentTwice();
  expect((await cut(sent)).ok).toBe(true);
  await sendTest(sent.subscription);
  await until(() => receiver.received.length === 3);
  const last = bearers()[2] ?? '';
  expect(decodeJwt(last)).toMatchObject({ client_id: sent.client, scope: 'read:profile' });
  expect(decodeJwt(last).jti).not.toBe(sent.jti);
  const introspection = await server.fetch('/oauth/introspect', {
    method: 'POST',
    headers: { authorization: basic(server.admin) },
    body: new URLSearchParams({ token: last }),
  });
  expect(await introspection.json()).toMatchObject({ active: true });
});

it.each<[string, (sent: Sent) => Promise<Response>]>([
  ['lost its scope', ({ client }) => asFreshAdmin('PATCH', `/admin/oauth/clients/${client}`, { scope: 'read:groups' })],
  ['is disabled', ({ client }) => asFreshAdmin('PATCH', `/admin/oauth/clients/${client}`, { status: 'disabled' })],
  ['is deleted', ({ client }) => asFreshAdmin('DELETE', `/admin/oauth/clients/${client}`)],
])('M-23: nothing is sent once the client %s, although a token is at hand', async (_, cut) => {
  const sent = await sentTwice();
  expect((await cut(sent)).ok).toBe(true);
  await sendTest(sent.subscription);
  await until(async () => (await road.statuses(sent.subscription)).includes('dead'));
  const [newest] = await road.deliveries(sent.subscription);
  expect(newest).toMatchObject({ status: 'dead', attempts: [{ error: 'auth_failed' }, { error: 'auth_failed' }] });
  expect(receiver.received).toHaveLength(2);
});
