import { setTimeout as sleep } from 'node:timers/promises';
import { onBothBackends } from '../support/both-backends.js';
import { EventRows } from '../support/event-rows.js';
import { until } from '../support/receiver.js';
import { startServer } from '../support/server.js';

const many = (count: number) => Array.from({ length: count }, (_, number) => ({ data: number }));

onBothBackends('what is on its way', (tests) => {
  const { given } = tests;

  /** Loses all jobs. */
  const wipe = async (): Promise<void> => {
    if (tests.redis !== undefined) return tests.redis.flush();
    const rows = await EventRows.open(tests.server);
    await rows.query('DELETE FROM bullmq.job');
    await rows.close();
  };

  given('is not lost with the jobs of the queue', async () => {
    const { url, received } = await tests.receiver(async () => {
      await sleep(10);
      return 204;
    });
    const { id } = await tests.road.subscribe(url, { max_in_flight: 4 });
    const ids = await tests.road.publish(...many(100));
    for (let count = 20; count <= 80; count += 20) {
      await until(() => received.length >= count);
      await wipe();
    }
    await until(() => tests.road.allAre('succeeded', 100, id));
    const more = await tests.road.publish(...many(50));
    await until(() => tests.road.allAre('succeeded', 150, id));
    expect(new Set(received.map((one) => one.id))).toEqual(new Set([...ids, ...more]));
    expect(received).toHaveLength(150);
  });

  if (tests.kind === 'redis') {
    given('goes on after the store of the queue was away', async () => {
      const { url, received } = await tests.receiver(async () => {
        await sleep(10);
        return 204;
      });
      const { id } = await tests.road.subscribe(url, { max_in_flight: 4 });
      const ids = await tests.road.publish(...many(100));
      await until(() => received.length >= 20);
      await tests.redis?.restart();
      await until(() => tests.road.allAre('succeeded', 100, id));
      expect(new Set(received.map((one) => one.id))).toEqual(new Set(ids));
    });
  }

  given('is sent again, with the same id, when the lease of a lost process ends', async () => {
    const { url, received } = await tests.receiver();
    const { id } = await tests.road.subscribe(url);
    await tests.road.change(id, { status: 'paused' });
    const [eventId] = await tests.road.publish({});
    await until(() => tests.road.allAre('held', 1, id));
    const rows = await EventRows.open(tests.server);
    await rows.query(
      `UPDATE deliveries SET lease_token = gen_random_uuid(), due_at = now() + interval '2 seconds' WHERE subscription_id = $1`,
      [id],
    );
    await rows.close();
    await tests.road.change(id, { status: 'active' });
    await sleep(500);
    expect(received).toHaveLength(0);
    await until(() => tests.road.allAre('succeeded', 1, id));
    expect(received.map((one) => one.id)).toEqual([eventId]);
  });

  given('arrives once, with two processes at work', async () => {
    const second = await startServer({ beside: tests.server });
    const { url, received } = await tests.receiver();
    const { id } = await tests.road.subscribe(url);
    const ids: string[] = [];
    for (let batch = 0; batch < 5; batch += 1) ids.push(...(await tests.road.publish(...many(30))));
    await until(() => tests.road.allAre('succeeded', 150, id));
    await second.stop();
    expect(received).toHaveLength(150);
    expect(new Set(received.map((one) => one.id))).toEqual(new Set(ids));
  });

  given('is finished when the process stops, and not sent again', async () => {
    const stopping = await startServer({ beside: tests.server });
    const { url, received } = await tests.receiver(async () => {
      await sleep(700);
      return 204;
    });
    const { id } = await tests.road.subscribe(url, { max_in_flight: 20 });
    await tests.road.publish(...many(20));
    await until(() => received.length === 20);
    await stopping.stop();
    await until(() => tests.road.allAre('succeeded', 20, id));
    expect(received).toHaveLength(20);
  });

  given('is left to another process when its receiver does not answer before the stop', async () => {
    const hanging = new AbortController();
    const { url, received, answer } = await tests.receiver(async () => {
      await sleep(60_000, undefined, { signal: hanging.signal }).catch(() => undefined);
    });
    const { id } = await tests.road.subscribe(url, { timeout_ms: 30_000 });
    const [eventId] = await tests.road.publish({});
    await until(() => received.length === 1);
    answer(() => 204);
    await tests.restart();
    await until(() => tests.road.allAre('succeeded', 1, id));
    hanging.abort();
    expect(received.map((one) => one.id)).toEqual([eventId, eventId]);
    expect((await tests.road.delivery(id)).attempt_count).toBe(1);
  });
});
