// npm run bench:introspect – see README.md beside this file.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { run, temporaryDirectory } from '../support/lifetime.mjs';
import { introspectionRequest, Load, tokenRequest } from '../support/load.mjs';
import { embeddedPostgres, familyCpuMs, processCpuMs } from '../support/proc.mjs';
import { freePort, startHelper } from '../support/processes.mjs';
import { benchAudience, benchScope, startSignet } from '../support/signet.mjs';
import { summary, tableLines } from '../support/statistics.mjs';

const { values: given } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    'window-ms': { type: 'string', default: '2400' },
    dir: { type: 'string', default: tmpdir() },
  },
});

const rounds = Number(given.rounds);
const windowMs = Number(given['window-ms']);
const tokens = 64;
const connectionCounts = [64, 16, 1];
const mostMs = 0.06;

async function signetTarget(name, signingAlg) {
  const server = await startSignet({ parent: given.dir, signingAlg });
  const requests = await server.introspectionRequests(tokens);
  return { name, port: server.port, cpuMs: () => server.cpuMs(), traffic: { requests, expected: 200 } };
}

async function oidcProviderTarget() {
  const dataDir = join(temporaryDirectory(given.dir), 'data');
  const port = await freePort();
  const client = { clientId: 'bench', clientSecret: randomBytes(32).toString('base64url') };
  const options = { dataDir, port, client, audience: benchAudience, scope: benchScope };
  const { child } = await startHelper(join(import.meta.dirname, 'oidc-provider.mjs'), options);
  const requests = [];
  while (requests.length < tokens) {
    const token = await opaqueToken(port, client);
    requests.push(introspectionRequest({ ...client, path: '/token/introspection', token }));
  }
  const postgres = embeddedPostgres(dataDir);
  const cpuMs = () => ({ node: processCpuMs(child.pid), postgres: familyCpuMs(postgres.pid) });
  return { name: 'oidc-provider', port, cpuMs, traffic: { requests, expected: 200 } };
}

async function minimumTarget() {
  const dataDir = join(temporaryDirectory(given.dir), 'data');
  const port = await freePort();
  const options = { dataDir, port, tokens, audience: benchAudience, scope: benchScope };
  const { child, ready } = await startHelper(join(import.meta.dirname, 'minimum.mjs'), options);
  const asker = { clientId: 'bench', clientSecret: 'x'.repeat(59), path: '/oauth/introspect' };
  const requests = ready.tokens.map((token) => introspectionRequest({ ...asker, token }));
  const postgres = embeddedPostgres(dataDir);
  const cpuMs = () => ({ node: processCpuMs(child.pid), postgres: familyCpuMs(postgres.pid) });
  return { name: 'the least, RS256', port, cpuMs, traffic: { requests, expected: 200 } };
}

async function opaqueToken(port, client) {
  const [head, body] = tokenRequest({ ...client, path: '/token', scope: benchScope }).split('\r\n\r\n');
  const authorization = /^Authorization: (.*)$/m.exec(head)[1].trim();
  const response = await fetch(`http://127.0.0.1:${port}/token`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' },
    body,
  });
  if (response.status !== 200) throw new Error(`oidc-provider: ${response.status} ${await response.text()}`);
  return (await response.json()).access_token;
}

async function measure(load, target, connections, ms) {
  const { samples, ...result } = await load.window(target, target.traffic, { connections, ms });
  for (const body of samples) {
    const { active, scope } = JSON.parse(body);
    if (active !== true || scope !== benchScope) throw new Error(`${target.name}: not the answer that is due: ${body}`);
  }
  return result;
}

await run(async () => {
  const load = await Load.start();
  const targets = [
    await signetTarget('Signet RS256', 'RS256'),
    await signetTarget('Signet ES256', 'ES256'),
    await oidcProviderTarget(),
    await minimumTarget(),
  ];
  for (const target of targets) await measure(load, target, 64, 4_000);
  const results = new Map();
  for (let round = 1; round <= rounds; round += 1) {
    process.stderr.write(`round ${round} of ${rounds}\r`);
    for (const connections of connectionCounts) {
      for (const target of targets) {
        await measure(load, target, connections, windowMs / 3);
        const key = `${target.name} ${connections}`;
        results.set(key, [...(results.get(key) ?? []), await measure(load, target, connections, windowMs)]);
      }
    }
  }
  process.stderr.write('\x1b[K');
  const rows = [['', 'conn', 'req/s', 'p50 ms', 'p99 ms', 'CPU ms/request', 'of it Node', 'PostgreSQL', 'other']];
  for (const { name } of targets) {
    for (const connections of connectionCounts) {
      const measured = results.get(`${name} ${connections}`);
      const of = (pick) => summary(measured.map(pick));
      const cpu = of(({ cpuMs }) => cpuMs);
      rows.push([
        name,
        String(connections),
        of(({ perSecond }) => perSecond).median.toFixed(0),
        of(({ p50Ms }) => p50Ms).median.toFixed(2),
        of(({ p99Ms }) => p99Ms).median.toFixed(2),
        `${cpu.median.toFixed(4)} (${cpu.min.toFixed(4)}–${cpu.max.toFixed(4)})`,
        of(({ cpuByPart }) => cpuByPart.node).median.toFixed(4),
        of(({ cpuByPart }) => cpuByPart.postgres).median.toFixed(4),
        of(({ foreignCores }) => foreignCores).median.toFixed(2),
      ]);
    }
  }
  console.log(tableLines(rows).join('\n'));
  const signet = summary(results.get('Signet RS256 64').map(({ cpuMs }) => cpuMs)).median;
  const oidc = summary(results.get('oidc-provider 64').map(({ cpuMs }) => cpuMs)).median;
  console.log(
    `\nSignet RS256, 64 connections: ${signet.toFixed(4)} ms (must: ≤ ${mostMs}): ${signet <= mostMs ? 'PASS' : 'miss'}`,
  );
  console.log(`oidc-provider / Signet: ${(oidc / signet).toFixed(2)}`);
});
