/** `@signet/sdk/events` and the modes of the verifier, on the roads of the server itself. */
import { randomUUID } from 'node:crypto';
import { type CloudEvent, createPublisher, pollEvents, PublishError } from '../../sdk/src/events/index.js';
import { createTokenVerifier, type TokenVerifier } from '../../sdk/src/resource-server/index.js';
import { fetchOf, Listener } from '../support/sdk-world.js';
import { type Credentials, startServer, type TestServer } from '../support/server.js';

const audience = 'https://orders.example.com';
let server: TestServer;
let shop: Credentials;

beforeAll(async () => {
  server = await startServer({ env: { EVENT_TARGET_NETWORKS: '127.0.0.0/8' } });
  await server.asAdmin('POST', '/admin/oauth/scopes', { name: 'events:poll' });
  shop = await server.createClient({ client_name: 'Shop', scope: 'events:publish events:poll' });
});
afterAll(() => server?.stop());

const publisherOf = (fetch: ReturnType<typeof fetchOf>, attempts?: number) =>
  createPublisher({
    issuer: server.issuer,
    source: `${shop.client_id}/orders`,
    fetch,
    ...(attempts === undefined ? {} : { attempts }),
  });

describe('createPublisher', () => {
  it('publishes what webhooks bring, once however often an id is published', async () => {
    const listener = await Listener.open(server, { event_types: ['order.*'] });
    const publish = publisherOf(fetchOf(server, shop));
    const event = { type: 'order.created', subject: '1', data: { amount: 3 }, id: randomUUID() };
    const [first] = await publish(event);
    expect(await publish(event)).toEqual([{ ...first, duplicate: true }]);
    await publish({ type: 'order.closed', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' });
    await listener.told('order.closed');
    await listener.told('order.created');
    expect(listener.handled.map(({ type }) => type).toSorted()).toEqual(['order.closed', 'order.created']);
    expect(listener.handled.map(({ id }) => id)).toContain(first?.event_id);
    await listener.end(listener.subscription.id);
  });

  it('repeats when the answer is lost, and publishes nothing twice by that', async () => {
    const listener = await Listener.open(server, { event_types: ['order.lost', 'order.last'] });
    const shopFetch = fetchOf(server, shop);
    let calls = 0;
    const publish = publisherOf(async (url, init) => {
      const response = await shopFetch(url, init);
      calls += 1;
      if (calls === 1) throw new TypeError('terminated');
      if (calls === 2) return new Response('{"accepted":[', { status: 202 });
      return response;
    });
    expect(await publish({ type: 'order.lost' })).toEqual([expect.objectContaining({ duplicate: true })]);
    expect(calls).toBe(3);
    await publish({ type: 'order.last' });
    await listener.told('order.last');
    await listener.told('order.lost');
    expect(listener.handled).toHaveLength(2);
    await listener.end(listener.subscription.id);
  });

  it('says what the server refused, at once', async () => {
    let calls = 0;
    const shopFetch = fetchOf(server, shop);
    const publish = publisherOf((url, init) => {
      calls += 1;
      return shopFetch(url, init);
    });
    const failure = await publish({ type: 'oauth.client.disabled', data: {} }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(PublishError);
    expect([(failure as PublishError).status, calls]).toEqual([403, 1]);
  });

  it('waits as long as it is asked to, and gives up with the last answer', async () => {
    const answers = [
      new Response('', { status: 503, headers: { 'retry-after': '0' } }),
      new Response('', { status: 429 }),
    ];
    const publish = publisherOf(() => Promise.resolve(answers.shift() ?? Response.error()), 2);
    await expect(publish({ type: 'order.created' })).rejects.toMatchObject({ name: 'PublishError', status: 429 });
  });
});

it('E-07: a receiver believes both secrets while a rotation overlaps, and the old one no longer after it', async () => {
  const listener = await Listener.open(server, { event_types: ['nothing'] });
  const { id, signing_secret: first } = listener.subscription;
  const rotate = async (seconds: number): Promise<string> => {
    const path = `/admin/events/subscriptions/${id}/rotate-secret`;
    const response = await server.asAdmin('POST', path, { overlap_seconds: seconds });
    return ((await response.json()) as { signing_secret: string }).signing_secret;
  };
  const second = await rotate(60);
  await listener.test(id);
  await listener.hasAnswered(1);
  listener.believe(second);
  await listener.test(id);
  await listener.hasAnswered(2);
  const third = await rotate(0);
  listener.believe(first, second);
  await listener.test(id);
  await listener.hasAnswered(3);
  listener.believe(third);
  await listener.test(id);
  await listener.told('event.test', 3);
  expect(listener.answered.slice(0, 3)).toEqual([204, 204, 401]);
  await listener.end(id);
});

describe('pollEvents', () => {
  it('hands events to handlers, acknowledges them, and brings back what a handler threw at', async () => {
    const body = { name: 'Poll', delivery: 'poll', client_id: shop.client_id, event_types: ['parcel.*'] };
    const created = await server.asAdmin('POST', '/admin/events/subscriptions', body);
    expect(created.status).toBe(201);
    const { id: subscriptionId } = (await created.json()) as { id: string };
    const shopFetch = fetchOf(server, shop);
    await publisherOf(shopFetch)(
      ...['parcel.sent', 'parcel.lost', 'parcel.found'].map((type) => ({ type, data: { type } })),
    );
    const ending = new AbortController();
    const seen: string[] = [];
    const errors: unknown[] = [];
    let polls = 0;
    await pollEvents({
      issuer: server.issuer,
      subscriptionId,
      // What is handed out is the poller's for a minute: it comes again after one second here.
      fetch: (url, init) => shopFetch(url.includes('/poll?') ? `${url}&visibility_seconds=1` : url, init),
      signal: ending.signal,
      waitSeconds: 2,
      handlers: {
        'parcel.*': ({ type }: CloudEvent) => {
          seen.push(type);
          if (type === 'parcel.lost' && seen.filter((one) => one === type).length === 1) throw new Error('not now');
        },
      },
      onPolled: () => {
        polls += 1;
        if (seen.length === 4) ending.abort();
      },
      onError: (error) => errors.push(error),
    });
    expect(seen.toSorted()).toEqual(['parcel.found', 'parcel.lost', 'parcel.lost', 'parcel.sent']);
    expect(errors).toEqual([new Error('not now')]);
    expect(polls).toBeGreaterThan(1);
  });

  it('goes on after failures, and ends when it is told to', async () => {
    const ending = new AbortController();
    const errors: unknown[] = [];
    const answers = [new Response('', { status: 503 }), new Response('no json')];
    await pollEvents({
      issuer: server.issuer,
      subscriptionId: randomUUID(),
      fetch: () => Promise.resolve(answers.shift() ?? Response.error()),
      signal: ending.signal,
      handlers: {},
      onError: (error) => {
        errors.push(error);
        if (errors.length === 3) ending.abort();
        throw new Error('the listener fails');
      },
    });
    expect(errors).toHaveLength(3);
  });
});

describe('a verifier that is fed by webhooks', () => {
  let caller: Credentials;
  let verifier: TokenVerifier;
  let listener: Awaited<ReturnType<typeof Listener.open>>;

  beforeEach(async () => {
    caller = await server.createClient({ client_name: 'Caller', scope: 'read:profile', audience: [audience] });
    verifier = createTokenVerifier({
      issuer: server.issuer,
      audience,
      mode: 'push',
      cacheSeconds: 3_600,
      introspection: { credentials: { clientId: server.admin.client_id, clientSecret: server.admin.client_secret } },
    });
    listener = await Listener.open(server, { event_types: ['oauth.*'] }, (event) => verifier.take(event));
  });
  afterEach(() => listener.end(listener.subscription.id));

  const presented = async () => ({ authorization: `Bearer ${await server.tokenOf(caller)}` });
  const claimsOf = ({ authorization }: { authorization: string }, part: number) =>
    JSON.parse(Buffer.from(authorization.slice(7).split('.')[part] ?? '', 'base64url').toString()) as {
      jti: string;
      kid: string;
    };
  const refused = { code: 'invalid_token', status: 401 };

  it('refuses a revoked token as soon as the event came, and no other one', async () => {
    const [one, other] = [await presented(), await presented()];
    await Promise.all([verifier.verify(one), verifier.verify(other)]);
    await server.asAdmin('POST', `/admin/oauth/tokens/${claimsOf(one, 1).jti}/revoke`, { reason: 'test' });
    await listener.told('oauth.token.revoked');
    await expect(verifier.verify(one)).rejects.toMatchObject(refused);
    await expect(verifier.verify(other)).resolves.toBeDefined();
  });

  it('refuses the tokens of a disabled client, before and after it is enabled again', async () => {
    const one = await presented();
    await verifier.verify(one);
    const status = (value: string) =>
      server.asAdmin('PATCH', `/admin/oauth/clients/${caller.client_id}`, { status: value });
    expect((await status('disabled')).status).toBe(200);
    await listener.told('oauth.client.disabled');
    await expect(verifier.verify(one)).rejects.toMatchObject(refused);
    expect((await status('active')).status).toBe(200);
    await listener.told('oauth.client.enabled');
    await expect(verifier.verify(one)).rejects.toMatchObject(refused);
    await expect(verifier.verify(await presented())).resolves.toBeDefined();
  });

  it('believes no other source than the issuer', async () => {
    const one = await presented();
    const { jti } = claimsOf(one, 1);
    verifier.take({ type: 'oauth.token.revoked', source: `${caller.client_id}/evil`, data: { jti } });
    await expect(verifier.verify(one)).resolves.toBeDefined();
    verifier.take({ type: 'oauth.token.revoked', source: server.issuer, data: { jti } });
    await expect(verifier.verify(one)).rejects.toMatchObject(refused);
  });

  // The last one: with the key goes the token of the administrator.
  it('follows keys: the new one at once, and the revoked one no longer', async () => {
    const old = await presented();
    await verifier.verify(old);
    expect((await server.asAdmin('POST', '/admin/oauth/keys/rotate', { immediate: true })).status).toBe(200);
    await listener.told('oauth.key.rotated');
    const young = await presented();
    expect(claimsOf(young, 0).kid).not.toBe(claimsOf(old, 0).kid);
    await Promise.all([verifier.verify(old), verifier.verify(young)]);
    const revoked = await server.asAdmin('POST', `/admin/oauth/keys/${claimsOf(old, 0).kid}/revoke`, {
      reason: 'compromised',
    });
    expect(revoked.status).toBe(204);
    await listener.told('oauth.key.revoked');
    await expect(verifier.verify(old)).rejects.toMatchObject(refused);
    await expect(verifier.verify(young)).resolves.toBeDefined();
  });
});
