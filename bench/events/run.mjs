// npm run bench:events – see README.md beside this file.
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { run } from '../support/lifetime.mjs';
import { freePort } from '../support/processes.mjs';
import { tableLines } from '../support/statistics.mjs';
import { World } from './world.mjs';

const { values: given } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    backend: { type: 'string' },
    dir: { type: 'string', default: tmpdir() },
  },
});

const size = given.quick
  ? { latency: 100, throughput: 2_000, fair: 50, backlog: 5_000 }
  : { latency: 300, throughput: 10_000, fair: 200, backlog: 100_000 };

const percentile = (values, share) => values.toSorted((a, b) => a - b)[Math.floor(values.length * share)];
const rows = [];
const say = (backend, what, value) => {
  rows.push([what, backend, value]);
  process.stderr.write(`${backend}: ${what}: ${value}\n`);
};

/** From the sending of a publication, and from its 202, to the arrival at the receiver; one at a time. */
async function latency(backend, start) {
  const world = await start([0]);
  await world.subscribe(world.ports[0], ['bench.one']);
  for (let warm = 0; warm < 50; warm += 1) await world.publishOne('bench.one');
  await sleep(500);
  await world.reset();
  const sent = [];
  for (let at = 0; at < size.latency; at += 1) {
    sent.push(await world.publishOne('bench.one'));
    await sleep(30);
  }
  await world.arrived([size.latency]);
  const [seen] = await world.seen();
  const arrival = new Map(seen.map(({ id, at }) => [id, at]));
  const times = (from) => sent.map((one) => Math.max(0, arrival.get(one.id) - one[from]));
  const shown = (values) => `p50 ${percentile(values, 0.5)} ms, p99 ${percentile(values, 0.99)} ms`;
  say(backend, 'idle, sent to POST', shown(times('sentAt')));
  say(backend, 'idle, 202 to POST', shown(times('takenAt')));
}

async function throughput(backend, start) {
  const world = await start(Array(10).fill(0));
  for (const port of world.ports) await world.subscribe(port, ['bench.all'], { max_in_flight: 50 });
  await world.subscribe(world.ports[0], ['bench.single'], { max_in_flight: 100 });
  for (const [type, receivers, count] of [
    ['bench.single', 1, size.throughput],
    ['bench.all', 10, size.throughput / 5],
  ]) {
    await world.reset();
    const begin = Date.now();
    await world.publish(type, count);
    await world.arrived(world.ports.map((_, index) => (index < receivers ? count : 0)));
    const perSecond = Math.round((count * receivers * 1000) / (Date.now() - begin));
    say(backend, `deliveries/s to ${receivers} receiver${receivers === 1 ? '' : 's'}`, String(perSecond));
  }
}

/** Ordered deliveries of 20 subjects: numbers never go back within a subject. */
async function ordering(backend, start) {
  const world = await start([0]);
  await world.subscribe(world.ports[0], ['bench.ordered'], { ordering: 'subject', max_in_flight: 20 });
  const subjects = Array.from({ length: 20 }, (_, index) => `subject-${index}`);
  const count = size.throughput / 5;
  const begin = Date.now();
  await world.publish('bench.ordered', count, subjects);
  await world.arrived([count]);
  const perSecond = Math.round((count * 1000) / (Date.now() - begin));
  const last = new Map();
  let violations = 0;
  for (const { id, subject } of (await world.seen())[0]) {
    if (Number(id) <= (last.get(subject) ?? 0)) violations += 1;
    last.set(subject, Number(id));
  }
  say(backend, 'ordered by subject, deliveries/s', `${perSecond}, ${violations} out of order`);
  if (violations > 0) throw new Error('the order was violated');
}

/** The time in which 19 prompt receivers get everything, without and with a 20th that takes five seconds for each. */
async function fairness(backend, start) {
  const world = await start([...Array(19).fill(0), 0, 5_000]);
  const prompt = world.ports.slice(0, 19);
  for (const port of prompt) await world.subscribe(port, ['bench.fair']);
  const drain = async (port) => {
    const subscription = await world.subscribe(port, ['bench.fair'], { timeout_ms: 10_000 });
    await world.reset();
    const begin = Date.now();
    await world.publish('bench.fair', size.fair);
    await world.arrived([...Array(19).fill(size.fair), 0, 0]);
    const seen = await world.seen();
    const ms = Math.max(...seen.slice(0, 19).map((list) => list.at(-1).until)) - begin;
    await world.unsubscribe(subscription);
    return ms;
  };
  await drain(world.ports[19]);
  const without = await drain(world.ports[19]);
  const withSlow = await drain(world.ports[20]);
  say(
    backend,
    '19 prompt receivers beside a prompt, a slow one',
    `${without} ms, ${withSlow} ms: ${(withSlow / without).toFixed(2)}`,
  );
}

/** A backlog for an endpoint where nobody listens: memory of the server before and after, and what others feel of it. */
async function backlog(backend, start) {
  const world = await start([0]);
  await world.subscribe(world.ports[0], ['bench.other']);
  await world.subscribe(await freePort(), ['bench.dead']);
  const timed = async () => {
    await world.reset();
    const begin = Date.now();
    await world.publish('bench.other', 1_000);
    await world.arrived([1_000]);
    return Date.now() - begin;
  };
  await timed();
  const before = { ms: await timed(), mib: world.server.residentMiB() };
  await world.publish('bench.dead', size.backlog);
  await sleep(5_000);
  const after = { ms: await timed(), mib: world.server.residentMiB() };
  say(
    backend,
    `${size.backlog} events for a dead endpoint: memory`,
    `${before.mib.toFixed(0)} -> ${after.mib.toFixed(0)} MiB`,
  );
  say(backend, '1000 events to another, before and after', `${before.ms} ms, ${after.ms} ms`);
}

await run(async () => {
  const hasRedis = spawnSync('redis-server', ['--version']).status === 0;
  const backends = given.backend === undefined ? ['postgres', ...(hasRedis ? ['redis'] : [])] : [given.backend];
  for (const backend of backends) {
    for (const measure of [latency, throughput, ordering, fairness, backlog]) {
      let world;
      await measure(backend, async (delays) => {
        world = await World.start({ parent: given.dir, backend, delays });
        return world;
      });
      await world.stop();
    }
  }
  console.log(tableLines([['', 'backend', 'measured'], ...rows]).join('\n'));
});
