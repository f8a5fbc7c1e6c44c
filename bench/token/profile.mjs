// node bench/token/profile.mjs – where the event loop of a Signet under load spends its time, per request.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { run, temporaryDirectory } from '../support/lifetime.mjs';
import { httpRequest, Load } from '../support/load.mjs';
import { stop } from '../support/processes.mjs';
import { startSignet } from '../support/signet.mjs';
import { tableLines } from '../support/statistics.mjs';

const { values: given } = parseArgs({
  options: {
    connections: { type: 'string', default: '64' },
    seconds: { type: 'string', default: '10' },
    alg: { type: 'string', default: 'RS256' },
    path: { type: 'string', default: 'token' },
    top: { type: 'string', default: '40' },
  },
});

const nowUs = () => Number(process.hrtime.bigint() / 1000n);

/** Microseconds of self time between two moments, by what `nameOf` calls a call frame. */
function selfTimes({ nodes, samples, timeDeltas, startTime }, [begin, end], nameOf) {
  const nameById = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const times = new Map();
  let at = startTime;
  samples.forEach((id, index) => {
    at += timeDeltas[index];
    if (at < begin || at > end) return;
    const name = nameById.get(id);
    // A sample stands for the time up to the next one.
    times.set(name, (times.get(name) ?? 0) + (timeDeltas[index + 1] ?? 0));
  });
  return [...times].toSorted((a, b) => b[1] - a[1]);
}

function functionName({ functionName: name, url, lineNumber }) {
  if (url === '') return name;
  const file = url.replace(/^.*\/(node_modules|dist)\//, '').replace(/^file:\/\//, '');
  return `${name || '(anonymous)'} ${file}:${lineNumber + 1}`;
}

function packageName({ functionName: name, url }) {
  if (url === '') return name.startsWith('(') ? name : '(built in)';
  if (url.startsWith('node:')) return `node:${url.slice(5).split('/').slice(0, 2).join('/')}`;
  const [, installed] = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url) ?? [];
  if (installed !== undefined) return installed;
  return `src/${/\/dist\/src\/([^/]+)/.exec(url)?.[1] ?? url}`;
}

function print(title, times, requests, count) {
  const rows = times.slice(0, count).map(([name, us]) => [name, (us / requests).toFixed(2)]);
  console.log(`\n${tableLines([[title, 'us/request'], ...rows]).join('\n')}`);
}

await run(async () => {
  const profiles = temporaryDirectory();
  const nodeOptions = ['--cpu-prof', '--cpu-prof-interval', '250', '--cpu-prof-dir', profiles];
  const signet = await startSignet({ signingAlg: given.alg, nodeOptions, clients: 8 });
  const load = await Load.start();
  const keySet = [httpRequest({ method: 'GET', path: '/.well-known/jwks.json' })];
  const traffic = { requests: given.path === 'jwks' ? keySet : signet.tokenRequests, expected: 200 };
  const connections = Number(given.connections);
  await load.window(signet, traffic, { connections, ms: 4_000 });
  const begin = nowUs();
  const result = await load.window(signet, traffic, { connections, ms: Number(given.seconds) * 1000 });
  const period = [begin, nowUs()];
  await stop(signet.child);
  const profile = JSON.parse(readFileSync(join(profiles, readdirSync(profiles)[0]), 'utf8'));
  const { requests, perSecond, cpuByPart } = result;
  const us = (ms) => (ms * 1000).toFixed(0);
  console.log(
    `${requests} requests, ${perSecond.toFixed(0)}/s; CPU per request, with the profiler: ` +
      `server ${us(cpuByPart.node)} us in all threads, PostgreSQL ${us(cpuByPart.postgres)} us`,
  );
  print('event loop, self time by package', selfTimes(profile, period, packageName), requests, 25);
  print('event loop, self time by function', selfTimes(profile, period, functionName), requests, Number(given.top));
});
