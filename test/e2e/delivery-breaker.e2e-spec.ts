import { setTimeout as sleep } from 'node:timers/promises';
import { onBothBackends } from '../support/both-backends.js';
import { until } from '../support/receiver.js';

const retry = { backoff_seconds: [1, 1, 1] };

/** Failures in a row that open the breaker. */
const opensAfter = 10;

onBothBackends('the breaker', (tests) => {
  const { given } = tests;

  given(
    'opens after ten failures in a row, holds what comes, and lets it flow after a probe that succeeds',
    async () => {
      const { url, received, answer } = await tests.receiver(() => 500);
      const { id } = await tests.road.subscribe(url, { retry, max_in_flight: 1 });
      const ids = await tests.road.publish(...Array.from({ length: 12 }, () => ({})));
      await until(() => tests.road.allAre('held', 12, id));

      // Probes go on, one at a time, and cost nothing: the attempts of all deliveries together stay the ten that opened it.
      await until(() => received.length >= opensAfter + 2);
      const held = await tests.road.deliveries(id);
      expect(held.every(({ status }) => status === 'held')).toBe(true);
      expect(held.reduce((sum, { attempt_count }) => sum + attempt_count, 0)).toBe(opensAfter);
      expect(held.reduce((sum, { attempts }) => sum + attempts.length, 0)).toBeGreaterThan(opensAfter);

      answer(() => 204);
      await until(() => tests.road.allAre('succeeded', 12, id));
      const succeeded = await tests.road.deliveries(id);
      expect(new Set(succeeded.map(({ event_id }) => event_id))).toEqual(new Set(ids));
      expect(new Set(received.map((one) => one.id))).toEqual(new Set(ids));
    },
  );

  given('counts the failures in a row of all deliveries: a success begins anew', async () => {
    let count = 0;
    const { url, received } = await tests.receiver(() => {
      count += 1;
      return count % 8 === 0 ? 204 : 500;
    });
    const { id } = await tests.road.subscribe(url, { retry, max_in_flight: 1 });
    await tests.road.publish(...Array.from({ length: 5 }, () => ({})));
    await until(async () => {
      const statuses = await tests.road.statuses(id);
      return statuses.length === 5 && statuses.every((status) => status === 'dead' || status === 'succeeded');
    });
    const deliveries = await tests.road.deliveries(id);
    expect(deliveries.reduce((sum, { attempt_count }) => sum + attempt_count, 0)).toBe(received.length);
  });

  given('probes one at a time, however much waits', async () => {
    let failing = true;
    const { url, received, answer } = await tests.receiver(() => 500);
    const { id } = await tests.road.subscribe(url, { retry, max_in_flight: 20 });
    await tests.road.publish(...Array.from({ length: 30 }, () => ({})));
    await until(() => tests.road.allAre('held', 30, id));
    // Those that were on their way when it opened.
    await sleep(500);
    const before = received.length;
    let atOnce = 0;
    let most = 0;
    answer((_, response) => {
      atOnce += 1;
      most = Math.max(most, atOnce);
      setTimeout(() => {
        atOnce -= 1;
        response.writeHead(failing ? 500 : 204).end();
      }, 50);
    });
    await until(() => received.length >= before + 2);
    expect(most).toBe(1);
    failing = false;
    await until(() => tests.road.allAre('succeeded', 30, id));
    expect((await tests.road.deliveries(id)).every(({ attempt_count }) => attempt_count >= 1)).toBe(true);
  });
});
