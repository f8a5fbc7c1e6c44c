// npm run bench:token – see README.md beside this file.
import { statfsSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { run } from '../support/lifetime.mjs';
import { Load } from '../support/load.mjs';
import { foreignCores, table, verdictLines, verdicts } from './report.mjs';
import { measureRound, warmUp } from './rounds.mjs';
import { startSigners, startTargets } from './targets.mjs';

const { values: given } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    'window-ms': { type: 'string' },
    clients: { type: 'string', default: '8' },
    dir: { type: 'string', default: tmpdir() },
    json: { type: 'string' },
    beside: { type: 'string' },
  },
});

const rounds = Number(given.rounds ?? (given.quick ? 3 : 7));
const windowMs = Number(given['window-ms'] ?? (given.quick ? 700 : 2_200));
const warmUpMs = given.quick ? 1_200 : 4_000;

/** statfs(2): a file system in memory, where fsync costs nothing and proves nothing. */
const tmpfsMagic = 0x01021994;

function environment() {
  return {
    node: process.version,
    openssl: process.versions.openssl,
    kernel: release(),
    cpus: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    loadBefore: loadavg()[0],
  };
}

function describe({ node, openssl, kernel, cpus: model, loadBefore }) {
  console.log(
    `Node ${node}, OpenSSL ${openssl}, Linux ${kernel}, ${model}, load average before ${loadBefore.toFixed(2)}`,
  );
  console.log(
    `${rounds} rounds, windows of ${windowMs} ms, ${given.clients} clients, fsync and synchronous_commit on\n`,
  );
  if (statfsSync(given.dir).type === tmpfsMagic) {
    throw new Error(`${given.dir} is in memory, so that nothing there is durable: choose another place with --dir`);
  }
}

/** Every answer has its rows, or the figures are worth nothing. */
async function checkDurability(targets) {
  const faults = [];
  for (const { name, answers, storedRows } of Object.values(targets)) {
    if (storedRows === undefined) continue;
    for (const [tableName, count] of Object.entries(await storedRows())) {
      console.log(`${name}: ${answers} tokens answered, ${count} rows in ${tableName}`);
      if (count !== answers) faults.push(`${name}: ${tableName} has ${count} rows for ${answers} answers`);
    }
  }
  if (faults.length > 0) throw new Error(faults.join('\n'));
}

await run(async () => {
  const facts = environment();
  describe(facts);
  const load = await Load.start();
  const targets = await startTargets({
    parent: given.dir,
    clients: Number(given.clients),
    ...(given.beside === undefined ? {} : { beside: resolve(given.beside) }),
  });
  const signers = await startSigners();
  await warmUp(load, targets, warmUpMs);
  const measured = [];
  for (let round = 1; round <= rounds; round += 1) {
    process.stderr.write(`round ${round} of ${rounds}\r`);
    measured.push(await measureRound(load, targets, signers, windowMs));
  }
  process.stderr.write('\x1b[K');
  const judged = verdicts(measured, targets);
  console.log(`${table(measured, targets).join('\n')}\n\n${verdictLines(judged).join('\n')}\n`);
  const foreign = foreignCores(measured);
  if (foreign > 0.1) {
    console.log(`WARNING: something else kept ${foreign.toFixed(2)} cores busy: run this again on an idle machine\n`);
  }
  await checkDurability(targets);
  if (given.json !== undefined) {
    writeFileSync(
      given.json,
      `${JSON.stringify({ ...facts, windowMs, verdicts: judged, rounds: measured }, null, 2)}\n`,
    );
  }
});
