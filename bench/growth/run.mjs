// npm run bench:growth – see README.md beside this file.
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { run } from '../support/lifetime.mjs';
import { httpRequest, Load } from '../support/load.mjs';
import { startSignet } from '../support/signet.mjs';
import { summary, tableLines } from '../support/statistics.mjs';
import { fill } from './fill.mjs';

const { values: given } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    busy: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '3' },
    'window-ms': { type: 'string', default: '1500' },
    dir: { type: 'string', default: tmpdir() },
  },
});

const rounds = Number(given.rounds);
const windowMs = Number(given['window-ms']);
const full = { clients: 100_000, tokens: 1_000_000, entries: 1_000_000 };
const quick = { clients: 2_000, tokens: 20_000, entries: 20_000 };
const rows = { ...(given.quick ? quick : full), busy: Number(given.busy) };

/** Registered with either server, so that a page of a list is full on both. */
const ownClients = 64;
const tolerance = 1.2;

function gets(path) {
  return ({ bearer }) => {
    return [httpRequest({ method: 'GET', path, headers: { Authorization: `Bearer ${bearer}` } })];
  };
}

const hours = (count) => new Date(Date.now() - count * 3_600_000).toISOString();

/** What is measured: how many connections ask for it, and what they send. */
const actions = [
  { name: 'issue a token', connections: 32, requests: ({ signet }) => signet.tokenRequests },
  { name: 'introspect a token', connections: 32, requests: ({ introspections }) => introspections },
  { name: 'list clients', connections: 4, requests: gets('/admin/oauth/clients?limit=50') },
  {
    name: 'list clients with a scope',
    connections: 4,
    requests: gets('/admin/oauth/clients?limit=50&scope=read:profile'),
  },
  { name: 'list tokens', connections: 4, requests: gets('/admin/oauth/tokens?limit=50') },
  { name: 'list active tokens', connections: 4, requests: gets('/admin/oauth/tokens?limit=50&status=active') },
  { name: 'list tokens of a client', connections: 4, requests: gets('/admin/oauth/tokens?limit=50&client_id=bench-1') },
  { name: 'list audit entries', connections: 4, requests: gets('/admin/oauth/audit-logs?limit=50') },
  {
    name: 'list audit entries of an action',
    connections: 4,
    requests: gets('/admin/oauth/audit-logs?limit=50&action=client.created'),
  },
  {
    name: 'list audit entries of a client',
    connections: 4,
    requests: gets('/admin/oauth/audit-logs?limit=50&client_id=bench-1'),
  },
  { name: 'list refusals', connections: 4, requests: gets('/admin/oauth/audit-logs?limit=50&success=false') },
  { name: 'statistics of a day', connections: 4, requests: gets(`/admin/oauth/statistics?from=${hours(24)}`) },
];

async function target(name) {
  const signet = await startSignet({ parent: given.dir, clients: ownClients });
  const introspections = await signet.introspectionRequests(64);
  return { name, signet, introspections, port: signet.port, cpuMs: () => signet.cpuMs() };
}

/** Refusals for a page of them. */
async function refuse({ port }) {
  for (let index = 0; index < 60; index += 1) {
    const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: 'nobody', client_secret: 'none' });
    await fetch(`http://127.0.0.1:${port}/oauth/token`, { method: 'POST', body });
  }
}

async function measure(load, at, { name, connections, requests }, ms) {
  const bearer = await at.signet.adminToken();
  const traffic = { requests: requests({ ...at, bearer }), expected: 200 };
  try {
    return await load.window(at, traffic, { connections, ms });
  } catch (error) {
    throw new Error(`${name}, ${at.name}: ${error.message}`, { cause: error });
  }
}

function say(line) {
  process.stderr.write(`\x1b[K${line}\r`);
}

/** CPU and time of an action on a full database beside an empty one. */
function compare(name, results) {
  const of = (at, pick) => summary(results.get(`${name} ${at}`).map(pick)).median;
  const cpu = { empty: of('empty', ({ cpuMs }) => cpuMs), grown: of('grown', ({ cpuMs }) => cpuMs) };
  const p50 = { empty: of('empty', ({ p50Ms }) => p50Ms), grown: of('grown', ({ p50Ms }) => p50Ms) };
  const ratio = cpu.grown / cpu.empty;
  return {
    within: ratio <= tolerance,
    row: [
      name,
      cpu.empty.toFixed(3),
      cpu.grown.toFixed(3),
      ratio.toFixed(2),
      p50.empty.toFixed(2),
      p50.grown.toFixed(2),
      (p50.grown / p50.empty).toFixed(2),
      ratio <= tolerance ? '' : 'miss',
    ],
  };
}

await run(async () => {
  const load = await Load.start();
  const targets = [await target('empty'), await target('grown')];
  await fill(targets[1].signet.postgres.url, rows, say);
  for (const at of targets) {
    await refuse(at);
    for (const action of actions) await measure(load, at, action, 500);
  }
  const results = new Map();
  for (let round = 1; round <= rounds; round += 1) {
    for (const action of actions) {
      say(`round ${round} of ${rounds}: ${action.name}`);
      // Whoever comes second finds the machine as the first has left it.
      for (const at of round % 2 === 0 ? targets.toReversed() : targets) {
        const key = `${action.name} ${at.name}`;
        results.set(key, [...(results.get(key) ?? []), await measure(load, at, action, windowMs)]);
      }
    }
  }
  say('');
  const compared = actions.map(({ name }) => compare(name, results));
  const heading = ['', 'CPU ms empty', 'grown', 'ratio', 'p50 ms empty', 'grown', 'ratio', ''];
  console.log(tableLines([heading, ...compared.map(({ row }) => row)]).join('\n'));
  const missed = compared.filter(({ within }) => !within).length;
  console.log(
    `\n${rows.clients} clients, ${rows.tokens} tokens of ${rows.busy} of them, ${rows.entries} audit entries; CPU per request at most`,
  );
  console.log(`${tolerance} times that on an empty database: ${missed === 0 ? 'PASS' : `${missed} miss`}`);
});
