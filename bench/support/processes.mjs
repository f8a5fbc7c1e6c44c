// Processes under measurement, and those that help to measure.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { atEnd } from './lifetime.mjs';

const startLimitMs = 60_000;
const stopLimitMs = 12_000;
const keptOutput = 4_096;

/** A port of the loopback interface that was free a moment ago. */
export async function freePort() {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

function isOver(child) {
  return child.exitCode !== null || child.signalCode !== null;
}

/** Asks a process to end, and ends it if it does not. */
export async function stop(child) {
  if (isOver(child) || child.pid === undefined) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const limit = new AbortController();
  const late = sleep(stopLimitMs, 'late', { signal: limit.signal }).catch(() => undefined);
  if ((await Promise.race([exit, late])) === 'late') {
    child.kill('SIGKILL');
    await exit;
  }
  limit.abort();
}

/** Keeps the last of what a process says, for the message when it fails. */
function listen(child) {
  const heard = { text: '' };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk) => {
      heard.text = (heard.text + chunk).slice(-keptOutput);
    });
  }
  return heard;
}

async function untilReady(child, name, heard, isReady) {
  const begin = performance.now();
  for (;;) {
    if (isOver(child)) throw new Error(`${name} ended at its start:\n${heard.text}`);
    if (await isReady()) return;
    if (performance.now() - begin > startLimitMs) throw new Error(`${name} is not ready:\n${heard.text}`);
    await sleep(25);
  }
}

/**
 * Starts a Node program that knows nothing of us, and waits until `url` answers 200.
 *
 * @param {{ name: string, args: string[], env: Record<string, string>, cwd: string, url: string }} options
 */
export async function startServer({ name, args, env, cwd, url }) {
  const child = spawn(process.execPath, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  atEnd(() => stop(child));
  const answers = () =>
    fetch(url)
      .then(({ status }) => status === 200)
      .catch(() => false);
  await untilReady(child, name, listen(child), answers);
  return child;
}

/**
 * Starts one of our own programs, which sends a first message when it is ready, and ends when we do.
 *
 * @returns {Promise<{ child: import('node:child_process').ChildProcess, ready: any }>} `ready`: that message
 */
export async function startHelper(script, options = {}) {
  const child = fork(script, [], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, NODE_ENV: 'production', BENCH_OPTIONS: JSON.stringify(options) },
  });
  atEnd(() => stop(child));
  let ready;
  child.once('message', (message) => (ready = message));
  await untilReady(child, script, listen(child), () => ready !== undefined);
  return { child, ready };
}

/** What a helper was told by `startHelper`. */
export function helperOptions() {
  process.on('disconnect', () => process.exit());
  // Ctrl-C reaches every process of the terminal; the bench ends its helpers itself.
  process.on('SIGINT', () => undefined);
  return JSON.parse(process.env.BENCH_OPTIONS ?? '{}');
}

/** Sends a helper one message and waits for its answer. */
export async function ask(child, message) {
  const answer = new Promise((resolve, reject) => {
    const onExit = () => reject(new Error('a helper of the bench has ended'));
    child.once('exit', onExit);
    child.once('message', (reply) => {
      child.off('exit', onExit);
      if (reply.fault === undefined) resolve(reply);
      else reject(new Error(reply.fault));
    });
  });
  child.send(message);
  return answer;
}
