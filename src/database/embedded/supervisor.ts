import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Cluster } from './cluster.js';
import { EmbeddedPostgresError, reasonOf, systemErrorCode } from './embedded-postgres-error.js';
import { findPostmaster, OwnedPostmaster, type PostmasterState, removeStalePidFile } from './postmaster.js';
import { readProcess } from './process-facts.js';
import { claimSocketDirectory, makeSocketDirectory, removeSocketDirectory, socketUrl } from './socket-directory.js';

/** Includes the recovery after a crash, and waiting for another process's PostgreSQL to end. */
const START_LIMIT_MS = 120_000;

/** How long what a killed postmaster leaves (its zombie, its server processes) may stand in the way of a new one. */
const CONFLICT_LIMIT_MS = 10_000;

const POLL_MS = 10;
const WATCH_SHARED_MS = 1000;
const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 30_000;
/** The server has ten seconds from SIGTERM to its end. */
const STOP_LIMIT_MS = 6000;

/** What PostgreSQL says when a predecessor is not quite gone. */
const CONFLICT = /lock file "|pre-existing shared memory block/;

/** A postmaster that answers: ours, or one that another process on this machine holds. */
interface Running {
  readonly pid: number;
  readonly socketDirectory: string;
  readonly owned: OwnedPostmaster | undefined;
}

/**
 * Keeps PostgreSQL running on one cluster, from `start` to `stop`.
 *
 * Who starts the postmaster holds it, and it ends with that process. A process that finds one held by another shares
 * it: its own `stop` leaves it alone. Should the postmaster end before (its holder stopped, or it crashed), whoever
 * still needs it starts it again, at the same address; until then connections are refused.
 *
 * All processes that share a cluster must be on one machine and, in containers, in one container.
 */
export class Supervisor {
  private running: Running | undefined;
  private keeping: Promise<void> = Promise.resolve();
  private stopped: Promise<void> | undefined;
  private readonly stopping = new AbortController();

  constructor(
    private readonly cluster: Cluster,
    private readonly log: (line: string) => void,
  ) {}

  /**
   * Starts PostgreSQL, or finds it running; returns the URL of its database once it takes connections.
   *
   * @throws EmbeddedPostgresError when it does not start
   */
  async start(): Promise<string> {
    const begin = performance.now();
    const running = await this.obtain(undefined);
    const { version } = this.cluster.binaries;
    const how = running.owned === undefined ? `shared with process ${running.pid}` : 'started';
    this.log(`embedded PostgreSQL ${version} ${how} in ${Math.round(performance.now() - begin)} ms`);
    this.keeping = this.keep(running);
    return socketUrl(running.socketDirectory);
  }

  /** Shuts PostgreSQL down if this process holds it. Never rejects; further calls wait for the first. */
  stop(): Promise<void> {
    this.stopped ??= this.shutDown();
    return this.stopped;
  }

  private async shutDown(): Promise<void> {
    this.stopping.abort();
    await this.keeping;
    const owned = this.running?.owned;
    if (owned !== undefined) await this.end(owned);
  }

  private async end(owned: OwnedPostmaster): Promise<void> {
    owned.shutDown();
    const limit = new AbortController();
    const late = sleep(STOP_LIMIT_MS, 'late', { signal: limit.signal }).catch(() => 'ended');
    if ((await Promise.race([owned.exited, late])) === 'late') {
      this.log(
        `embedded PostgreSQL is still busy after ${STOP_LIMIT_MS} ms: ended at once, to recover at the next start`,
      );
      await owned.kill();
      await Promise.race([owned.exited, sleep(1000)]);
    }
    limit.abort();
  }

  /** Looks until there is a postmaster that answers. `address`: the socket directory that it should have. */
  private async obtain(address: string | undefined): Promise<Running> {
    const begin = performance.now();
    const interrupted = new Set<number>();
    for (;;) {
      const state = await findPostmaster(this.cluster.directory);
      if (state.kind === 'held' && state.ready) return { ...state, owned: undefined };
      const elapsed = performance.now() - begin;
      const running = await this.advance(state, address, interrupted, elapsed);
      if (running !== undefined) return running;
      if (elapsed > START_LIMIT_MS) {
        throw new EmbeddedPostgresError(
          `the PostgreSQL that runs in ${this.cluster.directory} neither answers nor ends; its log is in ` +
            join(this.cluster.directory, 'log'),
        );
      }
      await sleep(POLL_MS, undefined, { signal: this.stopping.signal });
    }
  }

  /** One step on the way from `state` to a postmaster that answers. */
  private async advance(
    state: PostmasterState,
    address: string | undefined,
    interrupted: Set<number>,
    elapsed: number,
  ): Promise<Running | undefined> {
    if (state.kind === 'held') return undefined;
    if (state.kind === 'abandoned') {
      if (!interrupted.has(state.pid)) interrupt(state.pid);
      interrupted.add(state.pid);
      return undefined;
    }
    if (state.kind === 'stale') await removeStalePidFile(this.cluster.directory, state.text);
    return this.launch(address, elapsed);
  }

  /**
   * @returns undefined when something still stands in the way, which time may mend
   * @throws EmbeddedPostgresError when PostgreSQL does not start
   */
  private async launch(address: string | undefined, elapsed: number): Promise<Running | undefined> {
    const { directory, account } = this.cluster;
    const reclaimed = address !== undefined && (await claimSocketDirectory(address, account).catch(() => false));
    const socketDirectory = reclaimed ? address : await makeSocketDirectory(directory, account);
    const owned = await OwnedPostmaster.launch(this.cluster, socketDirectory);
    try {
      while (owned.exit === undefined) {
        const pid = await owned.readyPid();
        if (pid !== undefined) return { pid, socketDirectory, owned };
        await Promise.race([owned.exited, sleep(POLL_MS, undefined, { signal: this.stopping.signal })]);
      }
    } catch (error) {
      await this.end(owned);
      throw error;
    }
    await removeSocketDirectory(socketDirectory);
    const words = await owned.lastWords();
    if (CONFLICT.test(words) && elapsed < CONFLICT_LIMIT_MS) return undefined;
    throw new EmbeddedPostgresError(
      `the embedded PostgreSQL in ${directory} did not start (${owned.exit}): ${words || 'it said nothing'}`,
    );
  }

  /** Until we stop: waits for the end of the postmaster, and sees to it that there is one again. */
  private async keep(running: Running): Promise<void> {
    const stop = once(this.stopping.signal, 'abort');
    for (let current: Running | undefined = running; current !== undefined; current = await this.recover(current)) {
      this.running = current;
      await Promise.race([stop, current.owned?.exited ?? this.awaitEnd(current.pid)]);
      if (this.stopping.signal.aborted) return;
      this.running = undefined;
      this.log(`embedded PostgreSQL has ended (${current.owned?.exit ?? 'another process held it'})`);
    }
  }

  /** Settles when a process that is not our child has ended, or we stop. */
  private async awaitEnd(pid: number): Promise<void> {
    while (!this.stopping.signal.aborted && (await readProcess(pid)) !== undefined) {
      // Does not keep Node alive.
      await sleep(WATCH_SHARED_MS, undefined, { signal: this.stopping.signal, ref: false }).catch(() => undefined);
    }
  }

  /** Tries until it succeeds; undefined when we are to stop meanwhile. */
  private async recover(lost: Running): Promise<Running | undefined> {
    for (let pause = FIRST_RETRY_MS; !this.stopping.signal.aborted; pause = Math.min(2 * pause, LAST_RETRY_MS)) {
      try {
        const running = await this.obtain(lost.socketDirectory);
        this.log('embedded PostgreSQL runs again');
        if (running.socketDirectory !== lost.socketDirectory) {
          this.log('embedded PostgreSQL has another address now: this process must be started again');
        }
        return running;
      } catch (error) {
        if (this.stopping.signal.aborted) break;
        this.log(`embedded PostgreSQL does not start again: ${reasonOf(error)}`);
        await sleep(pause, undefined, { signal: this.stopping.signal, ref: false }).catch(() => undefined);
      }
    }
    return undefined;
  }
}

/** SIGINT: a fast shutdown. */
function interrupt(pid: number): void {
  try {
    process.kill(pid, 'SIGINT');
  } catch (error) {
    if (systemErrorCode(error) !== 'ESRCH') throw error;
  }
}
