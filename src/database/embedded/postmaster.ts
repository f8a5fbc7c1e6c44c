import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { join } from 'node:path';

import type { Cluster } from './cluster.js';
import { processOptions } from './command.js';
import { lendDirectory } from './data-directory.js';
import { reasonOf, systemErrorCode } from './embedded-postgres-error.js';
import { parsePostmasterPid } from './postmaster-pid.js';
import { hasArgument, hasProcess, readProcess } from './process-facts.js';
import { directoryMark, postmasterArguments, supervisorMark } from './settings.js';

/**
 * Runs PostgreSQL and watches a pipe whose other end Node holds. However Node ends, SIGKILL included, the pipe closes
 * and PostgreSQL is shut down in order: nothing is left behind. `read` is a builtin, so the watcher is one process, and
 * it is killed first when PostgreSQL ends by itself, lest it signal a stranger who got the same process id.
 */
const WATCH = `
trap "" INT TERM HUP
sockets=$1; shift
"$0" "$@" </dev/null 3<&- & postgres=$!
{ read -r line; kill -INT "$postgres"; } <&3 & watcher=$!
wait "$postgres"; code=$?
kill -KILL "$watcher" 2>/dev/null
rmdir "$sockets" 2>/dev/null
exit "$code"
`;

const PID_FILE = 'postmaster.pid';

/** How much of what a starting PostgreSQL says is kept for an error message. */
const KEPT_OUTPUT = 4096;

/**
 * What runs on a cluster:
 * `none`; `stale`: its `postmaster.pid` names a process that is something else, as after a reboot, or in a container
 * started again, where process ids repeat, or a zombie; `abandoned`: a postmaster that nobody holds, or that is being
 * shut down because its Node process has died; `held`: one that a living Node process holds.
 */
export type PostmasterState =
  | { readonly kind: 'none' }
  | { readonly kind: 'stale'; readonly text: string }
  | { readonly kind: 'abandoned'; readonly pid: number }
  | { readonly kind: 'held'; readonly pid: number; readonly socketDirectory: string; readonly ready: boolean };

/** Finds out what runs on the cluster in `directory`. */
export async function findPostmaster(directory: string): Promise<PostmasterState> {
  const text = await readPidFile(directory);
  const file = parsePostmasterPid(text);
  // A dead process's file is PostgreSQL's to remove: it then also looks for server processes that are still there.
  if (file === undefined || !hasProcess(file.pid)) return { kind: 'none' };
  const postmaster = await readProcess(file.pid);
  if (postmaster === undefined || !hasArgument(postmaster, directoryMark(directory))) return { kind: 'stale', text };
  const shell = await readProcess(postmaster.parent);
  const held =
    shell !== undefined &&
    hasArgument(shell, directoryMark(directory)) &&
    hasArgument(shell, supervisorMark(shell.parent));
  if (!held) return { kind: 'abandoned', pid: file.pid };
  return {
    kind: 'held',
    pid: file.pid,
    socketDirectory: file.socketDirectory ?? '',
    ready: file.status === 'ready' && file.socketDirectory !== undefined,
  };
}

/** The text of a cluster's `postmaster.pid`; empty when there is none. */
async function readPidFile(directory: string): Promise<string> {
  try {
    return await readFile(join(directory, PID_FILE), 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return '';
    throw error;
  }
}

/**
 * Removes a stale `postmaster.pid`, which PostgreSQL would take for the lock of a living postmaster. Should one of its
 * processes use the data after all, it notices by the shared memory and does not start.
 *
 * @param text what was found stale; another file, which a process that starts at the same moment has written, stays
 */
export async function removeStalePidFile(directory: string, text: string): Promise<void> {
  const file = join(directory, PID_FILE);
  const aside = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    await rename(file, aside);
    if ((await readFile(aside, 'utf8')) !== text) await link(aside, file);
  } catch (error) {
    if (!['ENOENT', 'EEXIST'].includes(systemErrorCode(error) ?? '')) throw error;
  }
  await rm(aside, { force: true });
}

/** A postmaster that this process has started and holds. */
export class OwnedPostmaster {
  /** Settles when it has ended, whatever the cause; never rejects. */
  readonly exited: Promise<void>;
  /** How it ended, once it has. */
  exit: string | undefined;
  private output = '';

  private constructor(
    private readonly shell: ChildProcess,
    private readonly directory: string,
  ) {
    this.exited = new Promise((resolve) => {
      shell.once('error', (error) => {
        this.exit ??= reasonOf(error);
        resolve();
      });
      // Not 'close': a server process that outlives the postmaster for a moment still has the pipe.
      shell.once('exit', (code, signal) => {
        this.exit ??= signal === null ? `exit code ${code}` : signal;
        resolve();
      });
    });
    shell.stderr?.on('data', (chunk: Buffer) => {
      this.output = (this.output + chunk.toString('utf8')).slice(-KEPT_OUTPUT);
    });
    for (const stream of [shell.stderr, shell.stdio[3]]) {
      stream?.on('error', () => undefined);
      if (stream instanceof Socket) stream.unref();
    }
    shell.unref();
  }

  /** Starts PostgreSQL on the cluster, in a session of its own, so that Ctrl-C on the terminal does not reach it. */
  static async launch(cluster: Cluster, socketDirectory: string): Promise<OwnedPostmaster> {
    const lent = await lendDirectory(cluster.directory, cluster.account);
    try {
      const args = postmasterArguments({
        directory: cluster.directory,
        directoryForChild: lent.path,
        socketDirectory,
        supervisor: process.pid,
        settings: cluster.settings,
      });
      const shell = spawn('/bin/sh', ['-c', WATCH, cluster.binaries.postgres, socketDirectory, ...args], {
        ...processOptions(cluster.account),
        detached: true,
        stdio: ['ignore', 'ignore', 'pipe', 'pipe', lent.descriptor ?? 'ignore'],
      });
      return new OwnedPostmaster(shell, cluster.directory);
    } finally {
      await lent.close();
    }
  }

  /** What it has said, before it began to write its log file and after. */
  async lastWords(): Promise<string> {
    const log = await readFile(join(this.directory, 'current_logfiles'), 'utf8')
      .then((text) => readFile(join(this.directory, text.trim().split(' ').slice(1).join(' ')), 'utf8'))
      .catch(() => '');
    const said = this.output.replace(/^.* (LOG: {2}redirecting log output|HINT: {2}Future log output).*\n?/gm, '');
    return (said.trim() === '' ? log.slice(-KEPT_OUTPUT) : said).trim();
  }

  /** Its process id once it takes connections; undefined before. */
  async readyPid(): Promise<number | undefined> {
    const file = parsePostmasterPid(await readPidFile(this.directory));
    if (file?.status !== 'ready') return undefined;
    const postmaster = await readProcess(file.pid);
    return postmaster?.parent === this.shell.pid ? file.pid : undefined;
  }

  /** Asks for a fast shutdown: transactions under way are rolled back, everything committed is on disk. */
  shutDown(): void {
    this.shell.stdio[3]?.destroy();
  }

  /** The last resort; the next start recovers from the log. */
  async kill(): Promise<void> {
    const file = parsePostmasterPid(await readPidFile(this.directory));
    const postmaster = file && (await readProcess(file.pid));
    if (file !== undefined && postmaster?.parent === this.shell.pid) process.kill(file.pid, 'SIGQUIT');
  }
}
