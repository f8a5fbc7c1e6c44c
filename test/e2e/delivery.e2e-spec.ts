import { type CloudEvent, HTTP } from 'cloudevents';
import { Webhook } from 'standardwebhooks';
import { DataSource } from 'typeorm';
import { onBothBackends } from '../support/both-backends.js';
import type { Received } from '../support/receiver.js';
import { until } from '../support/receiver.js';

const quick = { retry: { backoff_seconds: [1] } };

onBothBackends('delivery', (tests) => {
  const { given } = tests;

  given('sends an event once, signed, as a CloudEvent in structured mode', async () => {
    const { url, received } = await tests.receiver();
    const { id, signing_secret } = await tests.road.subscribe(url, { headers: { 'X-Tenant': 'blue' } });
    const [eventId] = await tests.road.publish({ subject: 'order/1', data: { total: 12, text: 'Grüße 🎉' } });
    await until(async () => (await tests.road.statuses(id)).join() === 'succeeded');

    const request = only(received);
    expect(request).toMatchObject({ method: 'POST', path: '/hook' });
    expect(request.headers).toMatchObject({
      'content-type': 'application/cloudevents+json; charset=utf-8',
      'user-agent': 'signet',
      'webhook-id': eventId,
      'webhook-attempt': '1',
      'x-tenant': 'blue',
    });
    expect(request.headers['authorization']).toBeUndefined();
    expect(verify(signing_secret, request)).toMatchObject({ specversion: '1.0', type: 'test.happened' });
    const event = HTTP.toEvent({ headers: request.headers, body: request.body }) as CloudEvent;
    expect(event.validate()).toBe(true);
    expect(event).toMatchObject({ subject: 'order/1', data: { total: 12, text: 'Grüße 🎉' } });

    const { attempts, attempt_count, next_attempt_at } = await tests.road.delivery(id);
    expect({ attempt_count, next_attempt_at }).toEqual({ attempt_count: 1, next_attempt_at: null });
    expect(attempts).toMatchObject([{ status_code: 204, error: null, response_excerpt: null }]);
  });

  given('E-07: signs each attempt anew, with the same id and the same body', async () => {
    const { url, received } = await tests.receiver(({ headers }, response) => {
      if (headers['webhook-attempt'] !== '1') return 200;
      response.statusCode = 500;
      response.end('no \u001B[31mluck\u0000');
      return undefined;
    });
    // Two seconds less jitter are always more than the whole second in which webhook-timestamp counts.
    const { id, signing_secret } = await tests.road.subscribe(url, { retry: { backoff_seconds: [2] } });
    await tests.road.publish({ data: [1, 2, 3] });
    await until(async () => (await tests.road.statuses(id)).join() === 'succeeded');

    const [first, second] = received;
    if (first === undefined || second === undefined) throw new Error('too few attempts');
    expect(second.id).toBe(first.id);
    expect(second.body).toBe(first.body);
    expect(second.headers['webhook-attempt']).toBe('2');
    expect(Number(second.headers['webhook-timestamp'])).toBeGreaterThan(Number(first.headers['webhook-timestamp']));
    expect(second.headers['webhook-signature']).not.toBe(first.headers['webhook-signature']);
    for (const request of [first, second]) expect(() => verify(signing_secret, request)).not.toThrow();
    const { attempts } = await tests.road.delivery(id);
    expect(byTime(attempts)).toMatchObject([
      { status_code: 500, error: 'http_500', response_excerpt: 'no \uFFFD[31mluck\uFFFD' },
      { status_code: 200, error: null },
    ]);
  });

  given('H-19: sends nothing that it could not sign, and says so; a new secret mends that', async () => {
    const { url, received } = await tests.receiver();
    const { id } = await tests.road.subscribe(url, { retry: { backoff_seconds: [2, 2] } });
    const { id: foreign } = await tests.road.subscribe(url, { event_types: ['never.*'] });
    await tests.server.running.app.get(DataSource).query(
      `UPDATE subscription_secrets SET ciphertext = (SELECT ciphertext FROM subscription_secrets WHERE subscription_id = $2)
         WHERE subscription_id = $1`,
      [id, foreign],
    );
    await tests.road.publish({});
    await until(async () => (await tests.road.deliveries(id))[0]?.attempts.length === 1);
    expect((await tests.road.delivery(id)).attempts).toMatchObject([{ status_code: null, error: 'not_sendable' }]);
    expect(received).toEqual([]);
    const action = 'action=subscription.secret_unreadable';
    const log = await tests.server.asAdmin('GET', `/admin/oauth/audit-logs?${action}`);
    expect(await log.json()).toMatchObject({ items: [{ success: false, target_id: id, error: 'decryption_failed' }] });

    const rotated = await tests.server.asAdmin('POST', `/admin/events/subscriptions/${id}/rotate-secret`, {});
    const { signing_secret } = (await rotated.json()) as { signing_secret: string };
    await until(() => tests.road.allAre('succeeded', 1, id));
    expect(verify(signing_secret, only(received))).toMatchObject({ type: 'test.happened' });
  });

  given('gives up after the last attempt, leaves a dead letter, and tells of it', async () => {
    const { url, received } = await tests.receiver(() => 503);
    const dead = await tests.receiver();
    const { id } = await tests.road.subscribe(url, quick);
    await tests.road.subscribe(dead.url, { event_types: ['event.dead_lettered'] });
    const [eventId] = await tests.road.publish({});
    await until(async () => (await tests.road.statuses(id)).join() === 'dead');

    expect(received).toHaveLength(2);
    const delivery = await tests.road.delivery(id);
    expect(delivery).toMatchObject({ attempt_count: 2, next_attempt_at: null });
    const list = await tests.server.asAdmin('GET', `/admin/events/dead-letters?subscription_id=${id}`);
    const { items } = (await list.json()) as { items: { id: string }[] };
    expect(items).toMatchObject([
      {
        delivery_id: delivery.id,
        event_id: eventId,
        reason: 'attempts_exhausted',
        attempt_count: 2,
        replayed_at: null,
      },
    ]);
    await until(() => dead.received.length === 1);
    const told = JSON.parse(only(dead.received).body) as { subject: string; data: unknown };
    expect(told).toMatchObject({
      type: 'event.dead_lettered',
      subject: items[0]?.id,
      data: { delivery_id: delivery.id, event_id: eventId, subscription_id: id, reason: 'attempts_exhausted' },
    });
  });

  given('does not tell of the death of such a message', async () => {
    const { url } = await tests.receiver(() => 500);
    const { id } = await tests.road.subscribe(url, { event_types: ['*'], retry: { backoff_seconds: [1] } });
    await tests.road.publish({});
    await until(async () => (await tests.road.statuses(id)).join() === 'dead,dead');
    const list = await tests.server.asAdmin('GET', `/admin/events/dead-letters?subscription_id=${id}`);
    const { items } = (await list.json()) as { items: { event_type: string }[] };
    expect(items.map(({ event_type }) => event_type)).toEqual(['event.dead_lettered', 'test.happened']);
  });

  given('pauses the subscription at 410, and goes on with the same delivery when it is resumed', async () => {
    const { url, received, answer } = await tests.receiver(() => 410);
    const { id } = await tests.road.subscribe(url, { retry: { backoff_seconds: [1] } });
    await tests.road.publish({});
    await until(async () => (await tests.road.statuses(id)).join() === 'held');
    const paused = await tests.server.asAdmin('GET', `/admin/events/subscriptions/${id}`);
    expect(await paused.json()).toMatchObject({ status: 'paused' });
    expect(received).toHaveLength(1);

    answer(() => 204);
    await tests.road.change(id, { status: 'active' });
    await until(async () => (await tests.road.statuses(id)).join() === 'succeeded');
    expect(received.map((one) => one.id)).toEqual([received[0]?.id, received[0]?.id]);
  });

  given('waits for nothing where its schedule says so, and has one attempt where that is empty', async () => {
    const { url, received } = await tests.receiver(() => 500);
    const { id } = await tests.road.subscribe(url, { retry: { backoff_seconds: [0, 0] } });
    const { id: once } = await tests.road.subscribe(url, { retry: { backoff_seconds: [] } });
    await tests.road.publish({});
    await until(
      async () => [...(await tests.road.statuses(id)), ...(await tests.road.statuses(once))].join() === 'dead,dead',
    );
    expect((await tests.road.delivery(id)).attempts).toHaveLength(3);
    expect((await tests.road.delivery(once)).attempts).toHaveLength(1);
    expect(received).toHaveLength(4);
  });

  given('follows no redirect: it is a failed attempt', async () => {
    const elsewhere = await tests.receiver();
    const { url } = await tests.receiver((_, response) => {
      response.writeHead(307, { location: elsewhere.url }).end();
    });
    const { id } = await tests.road.subscribe(url, { retry: { backoff_seconds: [1] } });
    await tests.road.publish({});
    await until(async () => (await tests.road.statuses(id)).join() === 'dead');
    expect((await tests.road.delivery(id)).attempts).toMatchObject([
      { status_code: 307, error: 'http_307' },
      { status_code: 307, error: 'http_307' },
    ]);
    expect(elsewhere.received).toHaveLength(0);
  });

  given('waits as long as the receiver asks for', async () => {
    const { url, received } = await tests.receiver(({ headers }, response) => {
      if (headers['webhook-attempt'] !== '1') return 204;
      response.writeHead(429, { 'retry-after': '2' }).end();
      return undefined;
    });
    const { id } = await tests.road.subscribe(url, { retry: { backoff_seconds: [3600] } });
    await tests.road.publish({});
    await until(async () => (await tests.road.statuses(id)).join() === 'succeeded');
    const [first, second] = received.map((one) => Number(one.headers['webhook-timestamp']));
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(1);
    expect(received).toHaveLength(2);
  });

  given('signs with both secrets while a rotation overlaps', async () => {
    const { url, received } = await tests.receiver();
    const { id, signing_secret } = await tests.road.subscribe(url);
    const rotation = await tests.server.asAdmin('POST', `/admin/events/subscriptions/${id}/rotate-secret`, {
      overlap_seconds: 600,
    });
    const rotated = (await rotation.json()) as { signing_secret: string };
    await tests.road.publish({ data: 'for both' });
    await until(() => received.length === 1);
    const request = only(received);
    expect(String(request.headers['webhook-signature']).split(' ')).toHaveLength(2);
    for (const secret of [signing_secret, rotated.signing_secret]) {
      expect(verify(secret, request)).toMatchObject({ data: 'for both' });
    }
  });

  given('sends a test event on the same road', async () => {
    const { url, received } = await tests.receiver();
    const { id, signing_secret } = await tests.road.subscribe(url, { event_types: ['nothing.like.it'] });
    const asked = await tests.server.asAdmin('POST', `/admin/events/subscriptions/${id}/test`);
    expect(asked.status).toBe(202);
    await until(() => received.length === 1);
    expect(verify(signing_secret, only(received))).toMatchObject({ type: 'event.test', source: tests.server.issuer });
  });
});

function verify(secret: string, { body, headers }: Received): unknown {
  return new Webhook(secret).verify(body, headers as Record<string, string>);
}

function only<T>(list: readonly T[]): T {
  const [one] = list;
  if (one === undefined || list.length > 1) throw new Error(`${list.length} instead of one`);
  return one;
}

function byTime<T extends { readonly at: string }>(attempts: readonly T[]): T[] {
  return attempts.toSorted((a, b) => a.at.localeCompare(b.at));
}
