import { setTimeout as sleep } from 'node:timers/promises';
import { onBothBackends } from '../support/both-backends.js';
import { startServer } from '../support/server.js';
import { type Received, until } from '../support/receiver.js';

const retry = { backoff_seconds: [1, 1, 1] };

/** None of these is over before a test is. */
const anHour = { backoff_seconds: [3_600, 3_600, 3_600] };

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

  given('probes whatever the schedule of the deliveries is, and then all of them flow', async () => {
    const second = await startServer({ beside: tests.server });
    try {
      const { url, received, answer } = await tests.receiver(() => 503);
      const { id } = await tests.road.subscribe(url, { retry: anHour });
      const ids = await tests.road.publish(...many(opensAfter));
      await until(() => tests.road.allAre('held', opensAfter, id));
      await until(() => received.length >= opensAfter + 2);
      const held = await tests.road.deliveries(id);
      expect(held.map(({ attempt_count }) => attempt_count)).toEqual(held.map(() => 1));

      answer(() => 204);
      await until(() => tests.road.allAre('succeeded', opensAfter, id));
      expect(new Set(received.map((one) => one.id))).toEqual(new Set(ids));
      expect((await tests.road.deliveries(id)).every(({ attempt_count }) => attempt_count === 2)).toBe(true);
    } finally {
      await second.stop();
    }
  });

  given('lets go what it held in every lane when another event comes through', async () => {
    const { url, answer } = await tests.receiver(() => 503);
    const { id } = await tests.road.subscribe(url, { retry: anHour, event_types: ['test.*', 'oauth.client.updated'] });
    await tests.road.publish(...many(opensAfter - 1));
    const client = await tests.server.createClient({ client_name: 'changed', scope: 'events:publish' });
    const changed = await tests.server.asAdmin('PATCH', `/admin/oauth/clients/${client.client_id}`, {
      client_name: 'so',
    });
    expect(changed.status).toBe(200);
    await until(() => tests.road.allAre('held', opensAfter, id));
    answer(() => 204);
    await tests.road.publish({});
    await until(() => tests.road.allAre('succeeded', opensAfter + 1, id));
  });

  given('keeps the order of each subject', async () => {
    const { url, received, answer } = await tests.receiver(() => 503);
    const { id } = await tests.road.subscribe(url, { retry: anHour, ordering: 'subject', max_in_flight: opensAfter });
    const subjects = Array.from({ length: opensAfter }, (_, number) => `subject ${number}`);
    for (const data of [0, 1]) await tests.road.publish(...subjects.map((subject) => ({ subject, data })));
    await until(() => tests.road.allAre('held', 2 * opensAfter, id));
    await until(() => received.length > opensAfter);
    answer(() => 204);
    await until(() => tests.road.allAre('succeeded', 2 * opensAfter, id));
    for (const subject of subjects) {
      const numbers = received.map(eventOf).filter((event) => event.subject === subject);
      expect(numbers.map(({ data }) => data).toSorted((one, other) => one - other)).toEqual(
        numbers.map(({ data }) => data),
      );
      expect(numbers.at(-1)?.data).toBe(1);
    }
  });

  given('does not probe a subscription that is paused; resumed, it flows', async () => {
    const { url, received, answer } = await tests.receiver(() => 503);
    const { id } = await tests.road.subscribe(url, { retry: anHour });
    await tests.road.publish(...many(opensAfter));
    await until(() => tests.road.allAre('held', opensAfter, id));
    await tests.road.change(id, { status: 'paused' });
    // A probe that was on its way.
    await sleep(500);
    const before = received.length;
    answer(() => 204);
    await sleep(2_500);
    expect(received).toHaveLength(before);
    await tests.road.change(id, { status: 'active' });
    await until(() => tests.road.allAre('succeeded', opensAfter, id));
  });

  given('lets everything flow to another address', async () => {
    const { url } = await tests.receiver(() => 503);
    const other = await tests.receiver();
    const { id } = await tests.road.subscribe(url, { retry: anHour });
    const ids = await tests.road.publish(...many(opensAfter));
    await until(() => tests.road.allAre('held', opensAfter, id));
    await tests.road.change(id, { url: other.url });
    await until(() => tests.road.allAre('succeeded', opensAfter, id));
    expect(other.received.map((one) => one.id).toSorted()).toEqual(ids.toSorted());
  });
});

function many(count: number): Record<string, unknown>[] {
  return Array.from({ length: count }, (_, data) => ({ data }));
}

function eventOf({ body }: Received): { readonly subject: string; readonly data: number } {
  return JSON.parse(body) as { subject: string; data: number };
}
