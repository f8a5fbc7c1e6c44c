import { setTimeout as sleep } from 'node:timers/promises';
import { onBothBackends } from '../support/both-backends.js';
import { scrape } from '../support/scrape.js';
import { until } from '../support/receiver.js';
import { startServer } from '../support/server.js';

const many = (count: number) => Array.from({ length: count }, (_, number) => ({ data: number }));

onBothBackends('the flow of deliveries', (tests) => {
  const { given } = tests;

  given('has no more in flight than the subscription allows', async () => {
    const receiver = await tests.receiver(async () => {
      await sleep(20);
      return 204;
    });
    const { id } = await tests.road.subscribe(receiver.url, { max_in_flight: 3 });
    await tests.road.publish(...many(40));
    await until(() => tests.road.allAre('succeeded', 40, id));
    expect(receiver.mostAtOnce).toBe(3);
    expect(receiver.received).toHaveLength(40);
  });

  given('has no more in flight in all lanes and processes together', async () => {
    const second = await startServer({ beside: tests.server });
    try {
      const receiver = await tests.receiver(async () => {
        await sleep(30);
        return 204;
      });
      const { id } = await tests.road.subscribe(receiver.url, {
        max_in_flight: 1,
        event_types: ['test.*', 'oauth.client.updated'],
      });
      const { client_id: client } = await tests.server.createClient({ client_name: 'own', scope: 'events:publish' });
      await tests.road.publish(...many(20));
      for (const name of ['a', 'b', 'c', 'd', 'e']) {
        await tests.server.asAdmin('PATCH', `/admin/oauth/clients/${client}`, { client_name: name });
        // A turn goes on without the job that has brought it.
        await tests.redis?.flush();
      }
      await until(() => tests.road.allAre('succeeded', 25, id));
      expect(receiver.mostAtOnce).toBe(1);
    } finally {
      await second.stop();
    }
  });

  given('keeps to the rate of the subscription', async () => {
    const times: number[] = [];
    const { url } = await tests.receiver(() => {
      times.push(performance.now());
      return 204;
    });
    const { id } = await tests.road.subscribe(url, { rate_limit_per_second: 20 });
    await tests.road.publish(...many(40));
    await until(() => tests.road.allAre('succeeded', 40, id));
    for (const from of times) {
      const within = times.filter((at) => at >= from && at < from + 950).length;
      expect(within).toBeLessThanOrEqual(22);
    }
  });

  given('to a slow endpoint does not delay another', async () => {
    const end = new AbortController();
    const slow = await tests.receiver(async () => {
      await sleep(20_000, undefined, { signal: end.signal }).catch(() => undefined);
      return 204;
    });
    const quick = await tests.receiver();
    await tests.road.subscribe(slow.url, { timeout_ms: 30_000 });
    const { id } = await tests.road.subscribe(quick.url);
    await tests.road.publish(...many(100));
    await until(() => tests.road.allAre('succeeded', 100, id));
    expect(slow.received).toHaveLength(10);
    end.abort();
  });

  given(
    'to more endpoints than there are places, which all begin to hang at once, does not delay another',
    async () => {
      const end = new AbortController();
      const hanging = await tests.receiver(async () => {
        await sleep(28_000, undefined, { signal: end.signal }).catch(() => undefined);
        return 204;
      });
      const quick = await tests.receiver();
      const stuck: string[] = [];
      for (let count = 0; count < 200; count += 1) {
        const { id } = await tests.road.subscribe(hanging.url, { timeout_ms: 30_000, event_types: ['test.hangs'] });
        stuck.push(id);
      }
      const { id } = await tests.road.subscribe(quick.url, { event_types: ['test.happened'] });
      await tests.road.publish({ type: 'test.hangs' });
      await until(() => hanging.received.length >= 128);
      await tests.road.publish({});
      await until(() => tests.road.allAre('succeeded', 1, id));
      // Nobody had to give up first.
      for (const one of stuck) expect(await tests.road.statuses(one)).toEqual(['pending']);
      await until(() => hanging.received.length === 200);
      end.abort();
    },
  );

  given('stops when the subscription is paused, and goes on when it is resumed', async () => {
    const { url, received } = await tests.receiver();
    const { id } = await tests.road.subscribe(url);
    await tests.road.change(id, { status: 'paused' });
    await tests.road.publish(...many(3));
    await until(() => tests.road.allAre('held', 3, id));
    expect(received).toHaveLength(0);
    await tests.road.change(id, { status: 'active' });
    await until(() => tests.road.allAre('succeeded', 3, id));
    expect(received).toHaveLength(3);
  });

  given('goes to the address that the subscription has now', async () => {
    const before = await tests.receiver();
    const after = await tests.receiver();
    const { id } = await tests.road.subscribe(before.url);
    await tests.road.publish({});
    await until(() => tests.road.allAre('succeeded', 1, id));
    await tests.road.change(id, { url: after.url });
    await tests.road.publish({});
    await until(() => tests.road.allAre('succeeded', 2, id));
    expect([before.received.length, after.received.length]).toEqual([1, 1]);
  });

  given('ends with the subscription', async () => {
    const { url, received } = await tests.receiver(() => 500);
    const { id } = await tests.road.subscribe(url, { retry: { backoff_seconds: [1, 1, 1] } });
    await tests.road.publish({});
    await until(() => received.length === 1);
    await tests.road.clear();
    await sleep(2_000);
    expect(received).toHaveLength(1);
    expect(id).toBeDefined();
  });

  given('is counted', async () => {
    const numbers = await scrape(tests.server);
    const attempts = 'signet_delivery_attempts_total';
    expect(numbers.value(attempts, { lane: 'bulk', outcome: 'succeeded' })).toBeGreaterThan(180);
    expect(numbers.value(attempts, { lane: 'bulk', outcome: 'http_5xx' })).toBeGreaterThan(0);
    expect(numbers.value('signet_delivery_latency_seconds_count')).toBeGreaterThan(180);
    expect(numbers.value('signet_delivery_breakers_open')).toBe(0);
  });
});
