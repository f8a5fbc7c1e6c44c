// What a run has found: a table, and a verdict for each target.
import { summary, tableLines } from '../support/statistics.mjs';
import { loadWindowsOf, windowName } from './rounds.mjs';

const milli = (value) => value.toFixed(4);
const ratio = (value) => value.toFixed(2);

function ofRounds(rounds, value) {
  return summary(rounds.map(value));
}

function spread({ median, min, max }, format) {
  return `${format(median)} (${format(min)}–${format(max)})`;
}

const cpuOf = (round, server, connections) => round.windows[windowName(server, connections)].cpuMs;
const inS = (server, connections) => (round) => cpuOf(round, server, connections) / round.signatureMs.alone;

function loadRow(rounds, target, { server, connections }) {
  const of = (pick) => ofRounds(rounds, (round) => pick(round.windows[windowName(server, connections)]));
  return [
    target.name,
    String(connections),
    of(({ perSecond }) => perSecond).median.toFixed(0),
    of(({ p50Ms }) => p50Ms).median.toFixed(2),
    of(({ p99Ms }) => p99Ms).median.toFixed(2),
    spread(
      of(({ cpuMs }) => cpuMs),
      milli,
    ),
    milli(of(({ cpuByPart }) => cpuByPart.node).median),
    milli(of(({ cpuByPart }) => cpuByPart.postgres ?? 0).median),
    spread(ofRounds(rounds, inS(server, connections)), ratio),
    ratio(of(({ generatorCores }) => generatorCores).median),
    ratio(of(({ foreignCores }) => foreignCores).median),
  ];
}

function signatureRow(rounds, name, which) {
  const cpu = ofRounds(rounds, ({ signatureMs }) => signatureMs[which]);
  const inAlone = ofRounds(rounds, ({ signatureMs }) => signatureMs[which] / signatureMs.alone);
  return [name, '', '', '', '', spread(cpu, milli), milli(cpu.median), '', spread(inAlone, ratio), '', ''];
}

/** The table of the run, as lines. CPU per request in milliseconds, median and range over the rounds. */
export function table(rounds, targets) {
  return tableLines([
    ['', 'conn', 'req/s', 'p50 ms', 'p99 ms', 'CPU ms/request', 'of it Node', 'PostgreSQL', 'in S', 'load', 'other'],
    ...loadWindowsOf(targets).map((window) => loadRow(rounds, targets[window.server], window)),
    signatureRow(rounds, 'S: bare RSA-2048 signature', 'alone'),
    signatureRow(rounds, 'the same on both cores at once', 'bothCores'),
  ]);
}

const overOidcProvider = (connections) => (round) =>
  cpuOf(round, 'oidcProvider', connections) / cpuOf(round, 'signet', connections);

const overOther = (connections) => (round) => cpuOf(round, 'signet', connections) / cpuOf(round, 'other', connections);

/** The same beside another build; for the main job alone at most a tenth more was promised. */
const goalsBeside = [64, 16, 1].map((connections) => ({
  name: `Signet RS256 / the other, ${connections} connection${connections === 1 ? '' : 's'}`,
  value: overOther(connections),
  format: ratio,
  ...(connections === 64 ? { atMost: 1.1 } : {}),
}));

/** What must be met. `value` is taken from each round; the median counts. */
const goals = [
  { name: 'Signet RS256 / S, 64 connections', value: inS('signet', 64), atMost: 1.35, format: ratio },
  { name: 'Signet RS256 / S, 16 connections', value: inS('signet', 16), atMost: 1.6, format: ratio },
  { name: 'Signet RS256 / S, 1 connection', value: inS('signet', 1), atMost: 2.3, format: ratio },
  { name: 'oidc-provider / Signet, 64 connections', value: overOidcProvider(64), atLeast: 2.5, format: ratio },
  { name: 'oidc-provider / Signet, 16 connections', value: overOidcProvider(16), format: ratio },
  { name: 'oidc-provider / Signet, 1 connection', value: overOidcProvider(1), format: ratio },
  { name: 'the least of RS256 / S, 64 connections', value: inS('minimum', 64), format: ratio },
  { name: 'the least of RS256 / S, 16 connections', value: inS('minimum', 16), format: ratio },
  { name: 'the least of RS256 / S, 1 connection', value: inS('minimum', 1), format: ratio },
  { name: 'the least of ES256 / S, 64 connections', value: inS('minimumEs256', 64), format: ratio },
  { name: 'Signet ES256 / S, 64 connections', value: inS('signetEs256', 64), atMost: 0.32, format: ratio },
  { name: 'JWKS as 200, ms', value: (round) => cpuOf(round, 'jwks', 64), atMost: 0.02, format: milli },
  { name: 'JWKS as 304, ms', value: (round) => cpuOf(round, 'jwks304', 64), atMost: 0.02, format: milli },
  {
    name: 'memory of the server, MiB',
    value: ({ residentMiB }) => residentMiB.signet,
    atMost: 150,
    format: (value) => value.toFixed(0),
  },
];

/** Each goal with what was measured and whether it is met; a goal without a bound is for information. */
export function verdicts(rounds, targets) {
  return [...goals, ...('other' in targets ? goalsBeside : [])].map(({ name, value, atMost, atLeast, format }) => {
    const measured = ofRounds(rounds, value);
    const bound = atMost !== undefined ? `≤ ${atMost}` : atLeast !== undefined ? `≥ ${atLeast}` : '';
    const met = measured.median <= (atMost ?? Infinity) && measured.median >= (atLeast ?? -Infinity);
    return { name, measured, bound, met: bound === '' ? undefined : met, text: spread(measured, format) };
  });
}

/** How many cores something that is no part of the bench kept busy, in the median window. */
export function foreignCores(rounds) {
  return summary(rounds.flatMap(({ windows }) => Object.values(windows).map((window) => window.foreignCores))).median;
}

/** The verdicts as lines. */
export function verdictLines(list) {
  const words = new Map([
    [true, 'PASS'],
    [false, 'miss'],
    [undefined, ''],
  ]);
  return tableLines([
    ['', 'measured', 'must', ''],
    ...list.map(({ name, text, bound, met }) => [name, text, bound, words.get(met)]),
  ]);
}
