import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './free-port.js';

const debian = '/usr/lib/postgresql';
const user = 'signet';

/** Where a PostgreSQL with its tools is, of one version: `pg_dump` refuses servers that are newer than itself. */
export function postgresTools(): string | undefined {
  const versions = existsSync(debian) ? readdirSync(debian).toSorted((a, b) => Number(b) - Number(a)) : [];
  const needed = ['initdb', 'postgres', 'pg_dump', 'pg_restore', 'createdb'];
  return versions
    .map((version) => join(debian, version, 'bin'))
    .find((bin) => needed.every((name) => existsSync(join(bin, name))));
}

/** A PostgreSQL of Debian for one test file, with an empty database that wants a password. */
export class DebianPostgres {
  private constructor(
    private readonly bin: string,
    private readonly directory: string,
    private readonly server: ChildProcess,
    /** As `DATABASE_URL` takes it. */
    readonly url: string,
  ) {}

  /**
   * @param bin what {@link postgresTools} has found
   * @param password of its superuser, without characters that a URL would have to escape
   * @param more settings, as `name=value`
   * @throws Error when it does not answer within ten seconds
   */
  static async start(bin: string, password: string, more: readonly string[] = []): Promise<DebianPostgres> {
    const directory = mkdtempSync(join(tmpdir(), 'signet-postgres-'));
    const passwordFile = join(directory, 'password');
    writeFileSync(passwordFile, password, { mode: 0o600 });
    const { uid, gid } = account();
    if (uid !== undefined && gid !== undefined) {
      for (const path of [directory, passwordFile]) chownSync(path, uid, gid);
    }
    const options = { cwd: directory, ...account(), stdio: 'ignore' } as const;
    const data = join(directory, 'data');
    const access = ['-U', user, '-A', 'scram-sha-256', `--pwfile=${passwordFile}`];
    const made = spawnSync(join(bin, 'initdb'), ['-D', data, '-E', 'UTF8', '-N', ...access], options);
    rmSync(passwordFile);
    if (made.status !== 0) throw new Error('initdb has failed');
    const port = String(await freePort());
    const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off', 'synchronous_commit=off'];
    const args = ['-D', data, '-p', port, ...[...settings, ...more].flatMap((setting) => ['-c', setting])];
    // A file, not a pipe: it goes on to write while a command is waited for.
    const log = openSync(join(directory, 'log'), 'w');
    const server = spawn(join(bin, 'postgres'), args, { ...options, stdio: ['ignore', 'ignore', log] });
    closeSync(log);
    const url = `postgresql://${user}:${password}@127.0.0.1:${port}/signet?sslmode=disable`;
    const postgres = new DebianPostgres(bin, directory, server, url);
    const asClient = { ...options, env: { ...process.env, PGPASSWORD: password } };
    const create = ['-h', '127.0.0.1', '-p', port, '-U', user, 'signet'];
    for (let attempt = 1; spawnSync(join(bin, 'createdb'), create, asClient).status !== 0; attempt += 1) {
      if (attempt === 100) {
        await postgres.stop();
        throw new Error('PostgreSQL does not answer');
      }
      await sleep(100);
    }
    return postgres;
  }

  /** Its log so far. */
  get log(): string {
    return readFileSync(join(this.directory, 'log'), 'utf8');
  }

  /** The whole database as `pg_dump` writes it in plain SQL. */
  dump(): string {
    const options = { encoding: 'utf8', maxBuffer: 2 ** 29 } as const;
    return execFileSync(join(this.bin, 'pg_dump'), ['--format=plain', `--dbname=${this.url}`], options);
  }

  async stop(): Promise<void> {
    if (this.server.exitCode === null && this.server.signalCode === null) {
      const exited = once(this.server, 'exit');
      this.server.kill('SIGQUIT');
      await exited;
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** PostgreSQL refuses to run as root. */
function account(): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const idOf = (option: string) => Number(spawnSync('id', [option, 'postgres'], { encoding: 'utf8' }).stdout);
  return { uid: idOf('-u'), gid: idOf('-g') };
}
