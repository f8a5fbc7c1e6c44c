// The order in which things are measured: interleaved, so that a machine that slows down slows down everything alike.
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from '../support/processes.mjs';

/** The windows of one round. S is taken at its start, in the middle and at its end. */
const fullPlan = [
  { signature: 'alone' },
  { server: 'signet', connections: 64 },
  { server: 'other', connections: 64 },
  { server: 'oidcProvider', connections: 64 },
  { server: 'minimum', connections: 64 },
  { server: 'signetEs256', connections: 64 },
  { server: 'minimumEs256', connections: 64 },
  { signature: 'alone' },
  { server: 'signet', connections: 16 },
  { server: 'other', connections: 16 },
  { server: 'oidcProvider', connections: 16 },
  { server: 'minimum', connections: 16 },
  { server: 'jwks', connections: 64 },
  { server: 'jwks304', connections: 64 },
  { signature: 'both cores' },
  { server: 'signet', connections: 1 },
  { server: 'other', connections: 1 },
  { server: 'oidcProvider', connections: 1 },
  { server: 'minimum', connections: 1 },
  { server: 'floor', connections: 64 },
  { signature: 'alone' },
];

/** What a window of the plan is called in the results. */
export function windowName(server, connections) {
  return `${server} ${connections}`;
}

/** The windows of the servers that there are. */
function planOf(targets) {
  return fullPlan.filter(({ server }) => server === undefined || server in targets);
}

/** All windows of the plan that load a server, in the order of the report. */
export function loadWindowsOf(targets) {
  return planOf(targets)
    .filter(({ server }) => server !== undefined)
    .toSorted((a, b) => a.server.localeCompare(b.server) || b.connections - a.connections);
}

/** Lets every server compile what it needs, with as many connections as it will get. */
export async function warmUp(load, targets, ms) {
  for (const target of Object.values(targets)) {
    for (const connections of [64, 1]) {
      await loadWindow(load, target, { connections, ms: connections === 1 ? ms / 4 : ms });
    }
  }
}

/**
 * One round.
 *
 * @returns {Promise<object>} `windows`: by window name; `signatureMs`: S, alone and with both cores busy; `residentMiB`
 */
export async function measureRound(load, targets, signers, ms) {
  const windows = {};
  const signatures = { alone: [], 'both cores': [] };
  for (const { server, connections, signature } of planOf(targets)) {
    if (signature === undefined) {
      // A server that has just been idle answers more slowly for a while: its code has left the caches.
      await loadWindow(load, targets[server], { connections, ms: ms / 3 });
      windows[windowName(server, connections)] = await loadWindow(load, targets[server], { connections, ms });
    } else {
      const busy = signature === 'alone' ? signers.slice(0, 1) : signers;
      const answers = await Promise.all(busy.map((signer) => ask(signer, { signForMs: ms / 2 })));
      signatures[signature].push(...answers.map(({ cpuMs }) => cpuMs));
    }
    await sleep(50);
  }
  return {
    windows,
    signatureMs: { alone: mean(signatures.alone), bothCores: mean(signatures['both cores']) },
    residentMiB: { signet: targets.signet.residentMiB(), oidcProvider: targets.oidcProvider.residentMiB() },
  };
}

async function loadWindow(load, target, options) {
  const { samples, ...result } = await load.window(target, target.traffic, options);
  target.answers += result.requests;
  await target.verify?.(samples);
  return result;
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
