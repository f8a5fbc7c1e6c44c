/** Dead letters and polling on the whole road: published over HTTP, sent or polled, given up, replayed. */
import { onBothBackends } from '../support/both-backends.js';
import { until } from '../support/receiver.js';

interface Letter {
  readonly id: string;
  readonly event_id: string;
  readonly attempt_count: number;
}

const quick = { retry: { backoff_seconds: [1] } };

onBothBackends('dead letters', (tests) => {
  const { given } = tests;

  async function letters(subscriptionId: string): Promise<Letter[]> {
    const response = await tests.server.asAdmin('GET', `/admin/events/dead-letters?subscription_id=${subscriptionId}`);
    return ((await response.json()) as { items: Letter[] }).items;
  }

  function replay(id: string): Promise<Response> {
    return tests.server.asAdmin('POST', `/admin/events/dead-letters/${id}/replay`);
  }

  given('E-17: a replay is one more round with the same webhook-id, however often it is asked for', async () => {
    const receiver = await tests.receiver(() => 500);
    const { id } = await tests.road.subscribe(receiver.url, quick);
    const [eventId] = await tests.road.publish({ data: { n: 1 } });
    await until(async () => (await letters(id)).length === 1);
    expect(receiver.received).toHaveLength(2);

    // It dies once more, after a whole round.
    const [first] = await letters(id);
    expect((await replay(first?.id ?? '')).status).toBe(202);
    await until(async () => (await letters(id)).length === 1);
    expect(receiver.received).toHaveLength(4);
    const [second] = await letters(id);
    expect(second).toMatchObject({ event_id: eventId, attempt_count: 4 });
    expect(second?.id).not.toBe(first?.id);

    receiver.answer(() => 204);
    const clicks = await Promise.all(Array.from({ length: 20 }, () => replay(second?.id ?? '')));
    expect(clicks.map(({ status }) => status).filter((status) => status !== 404)).toEqual([202]);
    await until(async () => (await tests.road.statuses(id)).join() === 'succeeded');
    expect(receiver.received.map((one) => one.id)).toEqual(Array.from({ length: 5 }, () => eventId));
    expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1);
    expect(receiver.received.at(-1)?.headers['webhook-attempt']).toBe('5');
    expect(await letters(id)).toEqual([]);
  });

  given('a replay to a paused subscription is held, and flows when it is resumed', async () => {
    const receiver = await tests.receiver(() => 500);
    const { id } = await tests.road.subscribe(receiver.url, quick);
    await tests.road.publish({}, {});
    await until(async () => (await letters(id)).length === 2);
    await tests.road.change(id, { status: 'paused' });
    const response = await tests.server.asAdmin('POST', '/admin/events/dead-letters/replay', { subscription_id: id });
    expect([response.status, await response.json()]).toEqual([202, { replayed: 2 }]);
    expect(await tests.road.allAre('held', 2, id)).toBe(true);

    receiver.answer(() => 204);
    await tests.road.change(id, { status: 'active' });
    await until(() => tests.road.allAre('succeeded', 2, id));
  });

  given('what is published can be polled by the client of the subscription', async () => {
    await tests.server.asAdmin('POST', '/admin/oauth/scopes', { name: 'events:poll' });
    const client = await tests.server.createClient({ client_name: 'Receiver', scope: 'events:poll' });
    const authorization = `Bearer ${await tests.server.tokenOf(client)}`;
    const created = await tests.server.asAdmin('POST', '/admin/events/subscriptions', {
      name: 'polled',
      delivery: 'poll',
      event_types: ['polled.*'],
      client_id: client.client_id,
    });
    expect(created.status).toBe(201);
    const { id } = (await created.json()) as { id: string };

    const waiting = tests.server.fetch(`/events/poll?subscription_id=${id}&wait_seconds=30`, {
      headers: { authorization },
    });
    const data = { text: 'Grüße 🎉', exact: [1, 'a', null] };
    const [eventId] = await tests.road.publish({ type: 'polled.once', data });
    const { items } = (await (await waiting).json()) as { items: { delivery_id: string }[] };
    expect(items).toMatchObject([{ webhook_id: eventId, attempt: 1, event: { type: 'polled.once', data } }]);
    expect((await tests.road.statuses(id)).join()).toBe('pending');

    const acked = await tests.server.fetch('/events/ack', {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify({ subscription_id: id, acks: [eventId] }),
    });
    expect(await acked.json()).toEqual({ acknowledged: 1, rejected: 0 });
    expect((await tests.road.statuses(id)).join()).toBe('succeeded');
    const delivery = await tests.road.delivery(id);
    expect(delivery.attempts).toMatchObject([{ status_code: null, error: null }]);
  });
});
