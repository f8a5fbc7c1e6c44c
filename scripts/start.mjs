// `npm start`, `npm run migrate`, `npm run kek:rotate` and `signet`: builds what is not built, or has changed since, and then
// becomes the server, or the command that was named: no process in between, so that signals reach it and its exit code is the
// one that is seen.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

const project = dirname(import.meta.dirname);
const command =
  ['migrate', 'kek-rotate', 'audit-prune', 'audit-verify', 'signet'].find((name) => name === process.argv[2]) ?? 'main';
const entry = join(project, 'dist', 'src', `${command}.js`);
const stamp = join(project, 'dist', '.build-stamp');
// What `nest build` does, without the two seconds that it takes to begin.
const compiler = join(project, 'node_modules', 'typescript', 'bin', 'tsc');
const lock = join(project, 'node_modules', '.cache', 'signet-build.lock');
const inputs = ['src', 'migrations', 'package.json', 'nest-cli.json', 'tsconfig.json', 'tsconfig.build.json'];

/** No build takes longer; an older lock was left behind. */
const LOCK_LIMIT_MS = 5 * 60 * 1000;
const PARENT_POLL_MS = 500;

/** The time of the youngest input, directories included: they tell of removed files. */
function youngest(path) {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return 0;
  if (!stats.isDirectory()) return stats.mtimeMs;
  return readdirSync(path).reduce((time, name) => Math.max(time, youngest(join(path, name))), stats.mtimeMs);
}

function isBuilt() {
  if (!existsSync(entry)) return false;
  // `npm run build` leaves no stamp.
  const built = statSync(existsSync(stamp) ? stamp : entry).mtimeMs;
  return inputs.every((input) => youngest(join(project, input)) <= built);
}

/** Two processes that start at once must not build over each other. */
async function withLock(work) {
  mkdirSync(dirname(lock), { recursive: true });
  while (!tryLock()) {
    if (isLeftBehind()) rmSync(lock, { force: true });
    else await sleep(100);
  }
  try {
    return await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function tryLock() {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function isLeftBehind() {
  const stats = statSync(lock, { throwIfNoEntry: false });
  if (stats === undefined) return false;
  if (stats.mtimeMs < Date.now() - LOCK_LIMIT_MS) return true;
  try {
    const holder = Number(readFileSync(lock, 'utf8'));
    if (holder > 0) process.kill(holder, 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

/** Runs the compiler; what ends us meanwhile ends it too. */
async function build() {
  const begin = new Date();
  process.stderr.write('Building Signet (only after a change) ...\n');
  rmSync(join(project, 'dist'), { recursive: true, force: true });
  // The standard output belongs to the command.
  const child = spawn(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
    cwd: project,
    stdio: ['inherit', 2, 2],
  });
  const stop = (signal) => child.kill(signal);
  process.on('SIGTERM', stop).on('SIGINT', stop).on('SIGHUP', stop);
  const [code, signal] = await new Promise((resolve) => child.on('exit', (...how) => resolve(how)));
  process.off('SIGTERM', stop).off('SIGINT', stop).off('SIGHUP', stop);
  if (code !== 0) return { code, signal };
  writeFileSync(stamp, '');
  utimesSync(stamp, begin, begin);
  return undefined;
}

const canBuild = existsSync(compiler) && existsSync(join(project, 'src'));
if (!isBuilt() && !canBuild && !existsSync(entry)) {
  process.stderr.write('Signet is not built, and what builds it is not installed: run `npm ci` first.\n');
  process.exit(1);
}
// Without sources, as in a container image, or without what builds them, what is built is what there is.
if (!isBuilt() && canBuild) {
  const failure = await withLock(() => (isBuilt() ? undefined : build()));
  if (failure?.signal) process.kill(process.pid, failure.signal);
  else if (failure) process.exit(failure.code ?? 1);
}

// The shell that npm may put between itself and us hands no signal on, and nobody hands on SIGKILL: a server whose parent
// is gone would stay, unseen, on its port.
if (process.env.npm_lifecycle_event !== undefined) {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, PARENT_POLL_MS);
  watch.unref();
}

// What `node --disable-proto=delete` does, for those who start this file without it.
delete Object.prototype.__proto__;
// A process that forks itself must fork the server.
process.argv[1] = entry;
// A command finds its arguments where it would find them without us.
if (command !== 'main') process.argv.splice(2, 1);
await import(pathToFileURL(entry).href);
