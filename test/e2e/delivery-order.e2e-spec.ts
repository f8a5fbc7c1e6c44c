import { onBothBackends } from '../support/both-backends.js';
import { type Received, until } from '../support/receiver.js';

interface Numbered {
  readonly subject: string;
  readonly data: { readonly number: number };
}

onBothBackends('order by subject', (tests) => {
  const { given } = tests;

  given('is kept with other subjects in between, failures, and publishing at the same time', async () => {
    const subjects = ['a', 'b', 'c', 'd'];
    const busy = new Set<string>();
    const overlaps: string[] = [];
    let requests = 0;
    const { url, received } = await tests.receiver(async (one, response) => {
      const { subject } = eventOf(one);
      if (busy.has(subject)) overlaps.push(subject);
      busy.add(subject);
      requests += 1;
      const fails = requests % 7 === 0;
      setTimeout(() => {
        busy.delete(subject);
        response.writeHead(fails ? 500 : 204).end();
      }, Math.random() * 8);
    });
    const { id } = await tests.road.subscribe(url, {
      ordering: 'subject',
      max_in_flight: 10,
      retry: { backoff_seconds: [1, 1, 1, 1, 1] },
    });
    // One after the other for each subject, all subjects at once.
    await Promise.all(
      subjects.map(async (subject) => {
        for (let number = 0; number < 15; number += 3) {
          await tests.road.publish(...[0, 1, 2].map((step) => ({ subject, data: { number: number + step } })));
        }
      }),
    );
    await until(async () => {
      const statuses = await tests.road.statuses(id);
      return statuses.length === 60 && statuses.every((status) => status === 'succeeded');
    });

    expect(overlaps).toEqual([]);
    for (const subject of subjects) {
      const numbers = received.filter((one) => eventOf(one).subject === subject).map((one) => eventOf(one).data.number);
      expect(withoutRepeats(numbers)).toEqual(Array.from({ length: 15 }, (_, number) => number));
    }
  });

  given('E-25: goes on with the next of a subject when one dies, and other subjects never wait', async () => {
    const { url, received } = await tests.receiver((one) => (eventOf(one).data.number === 0 ? 500 : 204));
    const { id } = await tests.road.subscribe(url, { ordering: 'subject', retry: { backoff_seconds: [1] } });
    await tests.road.publish(
      { subject: 'dies', data: { number: 0 } },
      { subject: 'dies', data: { number: 1 } },
      { subject: 'other', data: { number: 2 } },
    );
    await until(async () => (await tests.road.statuses(id)).join() === 'dead,succeeded,succeeded');
    const numbers = received.map((one) => eventOf(one).data.number);
    expect(numbers.lastIndexOf(0)).toBeLessThan(numbers.indexOf(1));
    expect(numbers.indexOf(2)).toBeLessThan(numbers.lastIndexOf(0));
  });

  given('does not hold what has no subject', async () => {
    const { url, received } = await tests.receiver();
    const { id } = await tests.road.subscribe(url, { ordering: 'subject' });
    await tests.road.publish(...Array.from({ length: 5 }, () => ({})));
    await until(() => tests.road.allAre('succeeded', 5, id));
    expect(new Set(received.map((one) => one.id)).size).toBe(received.length);
  });
});

function eventOf({ body }: Received): Numbered {
  return JSON.parse(body) as Numbered;
}

/** The numbers without those that repeat the one before. */
function withoutRepeats(numbers: readonly number[]): number[] {
  return numbers.filter((number, index) => number !== numbers[index - 1]);
}
