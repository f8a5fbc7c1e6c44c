// What the scripts that try the whole thing out share: running commands and the server.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Longest from the start to readiness, compiling and the first database included. */
const READY_LIMIT_MS = 120_000;

const EXIT_LIMIT_MS = 30_000;

/** Something did not come out as it should; the message says what, so there is no stack to print. */
class Failure extends Error {}

/** @returns {never} */
export function fail(message) {
  throw new Failure(message);
}

export function say(line) {
  process.stdout.write(`-- ${line}\n`);
}

/**
 * Runs `main` with a temporary directory, which is removed afterwards; a failure ends the process with exit code 1.
 *
 * @param {(directory: string) => Promise<void>} main
 */
export async function runScript(name, main) {
  const directory = mkdtempSync(join(tmpdir(), `${name}-`));
  const interrupt = () => process.exit(130);
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  try {
    await main(directory);
    say(`${name}: passed`);
  } catch (error) {
    process.stderr.write(`-- ${name}: FAILED: ${error instanceof Failure ? error.message : error.stack}\n`);
    process.exitCode = 1;
  }
}

/**
 * The environment of a user who has configured nothing: what this process was told about Signet, and what npm tells the
 * scripts that it runs, is left out.
 */
export function plainEnvironment(home, more = {}) {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(npm_|NPM_|INIT_CWD$|SIGNET_|NODE_OPTIONS$)/.test(name),
  );
  const variables = Object.fromEntries(own);
  for (const name of configuration) delete variables[name];
  return { ...variables, HOME: home, ...more };
}

/** The variables that Signet reads, by the file that documents them, and what changes how npm installs. */
const example = readFileSync(join(import.meta.dirname, '..', '..', '.env.example'), 'utf8');
const configuration = [...example.matchAll(/^#?([A-Z_]+)=/gm)].map(([, name]) => name).concat('NODE_ENV');

/** Runs a command to its end, with its output shown; fails unless its exit code is 0. `options.timeout`: milliseconds. */
export async function run(command, args, options) {
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options });
  const code = await exitOf(child, command);
  if (code !== 0) fail(`${[command, ...args].join(' ')} ended with ${code}`);
}

/** Runs a command to its end, its input given and its standard output returned; fails unless its exit code is 0. */
export async function outputOf(command, args, { input = '', ...options } = {}) {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], ...options });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
  child.stdin.on('error', () => undefined).end(input);
  const code = await exitOf(child, command);
  if (code !== 0) fail(`${[command, ...args].join(' ')} ended with ${code}`);
  return output;
}

async function exitOf(child, command) {
  try {
    const [code, signal] = await once(child, 'close');
    return code ?? signal;
  } catch (error) {
    return fail(`${command} cannot be run: ${error.message}`);
  }
}

/**
 * Starts a command that becomes a server, and waits until it is ready.
 *
 * @returns what it has printed so far; `stop`, which sends it SIGTERM and fails unless its exit code is 0; and `abandon`,
 *   which sends SIGTERM to something in between, such as npm, and fails unless the server ends too
 */
export async function startServer(command, args, { port, ...options }) {
  const begin = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], ...options });
  const kill = () => child.kill('SIGKILL');
  process.on('exit', kill);
  const exited = once(child, 'exit').finally(() => process.off('exit', kill));
  let ended = false;
  exited.catch(() => undefined).finally(() => (ended = true));
  const server = { output: '', stop: () => stop(child, exited), abandon: () => abandon(child, exited, port) };
  child.stdout.setEncoding('utf8').on('data', (text) => {
    server.output += text;
    process.stdout.write(text);
  });
  while (!(await isReady(port))) {
    if (ended) fail(`${[command, ...args].join(' ')} ended before it was ready`);
    if (performance.now() - begin > READY_LIMIT_MS) fail(`not ready after ${READY_LIMIT_MS / 1000} s`);
    await sleep(50);
  }
  say(`ready after ${secondsSince(begin)} s`);
  return server;
}

async function isReady(port) {
  try {
    const answer = await fetch(`http://localhost:${port}/health/ready`);
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false;
  }
}

async function stop(child, exited) {
  const begin = performance.now();
  child.kill('SIGTERM');
  const [code, signal] = await endWithin(exited);
  if (code !== 0) fail(`SIGTERM ended the server with ${code ?? signal} instead of 0`);
  say(`ended by SIGTERM with exit code 0 after ${secondsSince(begin)} s`);
}

async function abandon(child, exited, port) {
  const begin = performance.now();
  child.kill('SIGTERM');
  await endWithin(exited);
  while (await isListening(port)) {
    if (performance.now() - begin > EXIT_LIMIT_MS) fail('the server outlived the command that started it');
    await sleep(50);
  }
  say(`ended with the command that started it after ${secondsSince(begin)} s`);
}

async function endWithin(exited) {
  const end = await Promise.race([exited, sleep(EXIT_LIMIT_MS, undefined, { ref: false })]);
  return end ?? fail(`SIGTERM ended nothing within ${EXIT_LIMIT_MS / 1000} s`);
}

async function isListening(port) {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function secondsSince(begin) {
  return ((performance.now() - begin) / 1000).toFixed(1);
}

/** `preferred` if nobody listens there, else a port that is free now. */
export async function freePort(preferred = 0) {
  const server = createServer();
  try {
    server.listen(preferred, '127.0.0.1');
    await once(server, 'listening');
    return server.address().port;
  } catch (error) {
    if (preferred === 0) throw error;
    return await freePort();
  } finally {
    server.close();
  }
}
