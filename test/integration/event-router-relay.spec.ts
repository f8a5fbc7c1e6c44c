/** The loop that routes: it is woken, it looks by itself, it lives through an outage, it ends. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { createDataSource, Postgres } from '../../src/database/index.js';
import { EventRelay } from '../../src/events/router/event-relay.js';
import { OutboxSignal } from '../../src/outbox/index.js';
import { openDatabaseProxy } from '../support/database-proxy.js';
import { EventRoad } from './event-router-fixture.js';

const unrouted = 'FROM events WHERE routed_at IS NULL';

let road: EventRoad;

beforeAll(async () => {
  road = await EventRoad.open();
});

afterAll(() => road?.close());

afterEach(async () => {
  jest.restoreAllMocks();
  await road.clear();
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let look = 0; look < 500; look += 1) {
    if (await condition()) return;
    await sleep(20);
  }
  throw new Error('it does not happen');
}

const allRouted = async () => (await road.count(unrouted)) === 0;

it('routes what other processes commit, and what this one hints at, until it is stopped', async () => {
  await road.subscribe();
  const { router, work } = road.newRouter();
  const signal = new OutboxSignal();
  const relay = new EventRelay(router, signal);
  await road.publishMany(450);
  relay.onApplicationBootstrap();
  await until(allRouted);
  for (let round = 0; round < 20; round += 1) {
    await road.publish();
    signal.raise();
    signal.raise();
  }
  await until(allRouted);
  expect(await road.count('FROM deliveries')).toBe(470);
  expect(work.length).toBeGreaterThan(0);

  await relay.beforeApplicationShutdown();
  await road.publish();
  signal.raise();
  await sleep(600);
  expect(await road.count(unrouted)).toBe(1);
});

it('goes on after an outage, of which it warns once', async () => {
  const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
  const log = jest.spyOn(Logger.prototype, 'log').mockImplementation(() => undefined);
  await road.subscribe();
  const proxy = await openDatabaseProxy(road.database.url);
  const dataSource = await createDataSource(proxy.url).initialize();
  const postgres = new Postgres(proxy.url, { max: 2, onError: () => undefined });
  const signal = new OutboxSignal();
  const relay = new EventRelay(road.newRouter(dataSource, postgres).router, signal);
  try {
    relay.onApplicationBootstrap();
    await road.publishMany(10);
    await until(allRouted);
    await proxy.sever();
    await road.publishMany(300);
    for (let round = 0; round < 10; round += 1) {
      signal.raise();
      await sleep(50);
    }
    await until(() => Promise.resolve(warn.mock.calls.length > 0));
    expect(await road.count(unrouted)).toBe(300);
    await proxy.restore();
    await until(allRouted);
    expect(await road.count('FROM deliveries')).toBe(310);
    expect(warn.mock.calls).toEqual([['events wait to be routed: the database is unavailable']]);
    await until(() => Promise.resolve(log.mock.calls.length > 0));
    expect(log.mock.calls).toEqual([['events are routed again']]);
  } finally {
    await relay.beforeApplicationShutdown();
    await postgres.close();
    await dataSource.destroy();
    await proxy.sever();
  }
});
