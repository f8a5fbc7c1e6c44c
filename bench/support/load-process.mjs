// The load generator: a process of its own, so that its CPU time is nobody else's.
// Closed loop: each connection sends its next request when it has the answer to the one before.
import { Connection } from './connection.mjs';
import { helperOptions } from './processes.mjs';

helperOptions();

let connections = [];
let results;
let deadline = 0;
let busy = 0;
let finished = () => undefined;
let fault;

function fail(error) {
  fault ??= error.message;
  finished();
}

async function open({ port, requests, connections: count }) {
  fault = undefined;
  connections = await Promise.all(
    Array.from({ length: count }, (_, index) => openOne(port, requests[index % requests.length])),
  );
  return {};
}

async function openOne(port, request) {
  let sentAt = 0;
  const next = () => {
    sentAt = performance.now();
    connection.send();
  };
  const onAnswer = (status, body) => {
    const now = performance.now();
    results.latencies.push(now - sentAt);
    results.statuses[status] = (results.statuses[status] ?? 0) + 1;
    if (now < deadline) {
      next();
      return;
    }
    results.samples.push(body.toString());
    busy -= 1;
    if (busy === 0) finished();
  };
  const connection = await Connection.open(port, request, onAnswer, fail);
  connection.start = next;
  return connection;
}

async function runFor(ms) {
  results = { latencies: [], statuses: {}, samples: [] };
  const cpu = process.cpuUsage();
  const begin = performance.now();
  deadline = begin + ms;
  busy = connections.length;
  await new Promise((resolve) => {
    finished = resolve;
    for (const connection of connections) connection.start();
  });
  const elapsedMs = performance.now() - begin;
  const { user, system } = process.cpuUsage(cpu);
  if (fault !== undefined) return { fault };
  const sorted = Float64Array.from(results.latencies).toSorted();
  const quantile = (q) => sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)];
  return {
    requests: sorted.length,
    statuses: results.statuses,
    samples: results.samples,
    elapsedMs,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    generatorCores: (user + system) / 1000 / elapsedMs,
  };
}

function close() {
  for (const connection of connections) connection.close();
  connections = [];
  return {};
}

async function obey(message) {
  try {
    if (message.open !== undefined) process.send(await open(message.open));
    else if (message.runForMs !== undefined) process.send(await runFor(message.runForMs));
    else process.send(close());
  } catch (error) {
    process.send({ fault: error.message });
  }
}

process.on('message', (message) => void obey(message));
process.send({});
