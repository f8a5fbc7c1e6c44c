/** Two servers on one database: whichever takes an event, each subscription gets one delivery of it. */
import { EventRoad } from '../support/event-road.js';
import { type Receiver, startReceiver, until } from '../support/receiver.js';
import { startServer, type TestServer } from '../support/server.js';

let one: TestServer;
let other: TestServer;
let receivers: Receiver[];

beforeAll(async () => {
  receivers = [await startReceiver(), await startReceiver()];
  one = await startServer({ env: { EVENT_TARGET_NETWORKS: '127.0.0.0/8' } });
  other = await startServer({ beside: one });
});

afterAll(async () => {
  await other?.stop();
  await one?.stop();
  for (const receiver of receivers) await receiver.close();
});

it('an event that either takes has one delivery for each subscription, and is sent', async () => {
  const [first, second] = [new EventRoad(one), new EventRoad(other)];
  const ids: string[] = [];
  for (const { url } of receivers) ids.push((await first.subscribe(url)).id);
  const batch = Array.from({ length: 10 }, () => ({}));
  const published = await Promise.all(
    Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? first : second).publish(...batch)),
  );
  const events = published.flat().toSorted();
  expect(new Set(events).size).toBe(100);
  for (const [index, id] of ids.entries()) {
    await until(() => second.allAre('succeeded', 100, id));
    const list = await other.asAdmin('GET', `/admin/events/deliveries?subscription_id=${id}&limit=200`);
    const { items } = (await list.json()) as { items: { event_id: string }[] };
    expect(items.map(({ event_id: event }) => event).toSorted()).toEqual(events);
    expect(receivers[index]?.received.map((received) => received.id).toSorted()).toEqual(events);
  }
});

it('an event goes on its road when the server that took it has ended', async () => {
  const road = new EventRoad(other);
  const [receiver] = receivers;
  const { id } = await road.subscribe(receiver?.url ?? '', { event_types: ['test.last'] });
  const [event = ''] = await road.publish({ type: 'test.last' });
  await other.stop();
  await until(() => new EventRoad(one).allAre('succeeded', 1, id));
  expect(receiver?.received.map((received) => received.id)).toContain(event);
});
