import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { parsePostmasterPid } from '../../src/database/embedded/postmaster-pid.js';
import { socketUrl } from '../../src/database/embedded/socket-directory.js';

const project = dirname(dirname(import.meta.dirname));

/** A server that takes longer to be ready, or to end, has failed. */
const LIMIT_MS = 120_000;

/** How a server process is started. */
export interface ServerProcessOptions {
  /** Its whole environment, but for PATH and HOME. */
  readonly env: Readonly<Record<string, string>>;
  /** Its working directory; what the environment leaves out is taken from there. */
  readonly cwd: string;
  /** Which program; the server, unless it is named. */
  readonly program?: 'main' | 'migrate' | 'kek-rotate' | 'audit-prune' | 'audit-verify' | 'signet';
  readonly args?: readonly string[];
}

/**
 * The server as users run it: compiled by the project's own compiler and settings, outside Jest. In a directory of its own, so
 * that a test neither disturbs nor depends on `dist`.
 */
export class ServerBuild {
  private readonly directory = mkdtempSync(join(tmpdir(), 'signet-build-'));
  private readonly processes: ServerProcess[] = [];

  constructor() {
    const compiler = join(project, 'node_modules', 'typescript', 'lib', 'tsc.js');
    const options = ['--noCheck', '--incremental', 'false', '--tsBuildInfoFile', 'null', '--sourceMap', 'false'];
    const args = [compiler, '-p', join(project, 'tsconfig.build.json'), '--outDir', this.directory, ...options];
    execFileSync(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    writeFileSync(join(this.directory, 'package.json'), '{ "type": "module" }\n');
    symlinkSync(join(project, 'node_modules'), join(this.directory, 'node_modules'));
  }

  /** Starts a server; whether it gets ready is for the caller to see. */
  start(options: ServerProcessOptions): ServerProcess {
    const server = new ServerProcess(this.entryOf(options.program ?? 'main'), options);
    this.processes.push(server);
    return server;
  }

  /** The file that Node.js runs for a program. */
  entryOf(program: NonNullable<ServerProcessOptions['program']>): string {
    return join(this.directory, 'src', `${program}.js`);
  }

  /** Kills what is still there, and removes the build. */
  async close(): Promise<void> {
    for (const server of this.processes) server.kill('SIGKILL');
    await Promise.all(this.processes.map((server) => server.exited));
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** One running server. */
export class ServerProcess {
  /** Exit code, or the signal that ended it, once all it wrote has been read. */
  readonly exited: Promise<number | string>;
  stdout = '';
  stderr = '';
  private readonly child: ChildProcess;
  private readonly port: string;

  constructor(entry: string, { env, cwd, args = [] }: ServerProcessOptions) {
    const { PATH = '', HOME = '' } = process.env;
    this.port = env['PORT'] ?? '3000';
    this.child = spawn(
      process.execPath,
      ['--disable-proto=delete', '--max-semi-space-size=4', '--heap-growing-percent=50', entry, ...args],
      {
        cwd,
        env: { PATH, HOME, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.exited = once(this.child, 'close').then(([code, signal]) => (code ?? signal) as number | string);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Everything it wrote. */
  get output(): string {
    return this.stdout + this.stderr;
  }

  /**
   * Resolves once it says that it is ready.
   *
   * @throws Error with its output when it ends before, or takes too long
   */
  async ready(): Promise<this> {
    const ended = this.exited.then((how) => `ended (${how})`);
    for (const limit = Date.now() + LIMIT_MS; !/^Signet is ready at .+\n/m.test(this.stdout);) {
      const how = Date.now() > limit ? 'is not ready' : await Promise.race([ended, sleep(10, undefined)]);
      if (how !== undefined) throw new Error(`the server ${how}: ${this.output}`);
    }
    return this;
  }

  /** A request to it. */
  fetch(path: string, init?: RequestInit): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.port}${path}`, init);
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | string> {
    this.child.kill('SIGTERM');
    return this.exited;
  }
}

/** The URL of a test database as `DATABASE_URL` takes it: always with a host, which a socket directory then overrides. */
export function asDatabaseUrl(url: string): string {
  return url.replace(/^(postgres(?:ql)?:\/\/(?:[^/?@]*@)?)(?=[/?]|$)/, '$1localhost');
}

/** The URL of the embedded PostgreSQL that runs in a data directory at this moment. */
export function embeddedDatabaseUrl(dataDir: string): string {
  const pidFile = parsePostmasterPid(readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8'));
  return socketUrl(pidFile?.socketDirectory ?? '');
}
