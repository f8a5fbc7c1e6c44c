import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { blocksOf } from '../support/guide.js';
import { asClone, runGuide, writeCommands } from '../support/guide-run.js';
import { redisAvailable, startRedis } from '../support/redis.js';
import { freePort } from '../support/server.js';
import { ServerBuild } from '../support/server-process.js';

const page = 'run-in-production.md';
const guide = join(dirname(dirname(import.meta.dirname)), 'docs', 'guides', page);
const debian = '/usr/lib/postgresql';

/** Where a PostgreSQL with its tools is, of one version: `pg_dump` refuses servers that are newer than itself. */
function postgresTools(): string | undefined {
  const versions = existsSync(debian) ? readdirSync(debian).toSorted((a, b) => Number(b) - Number(a)) : [];
  const needed = ['initdb', 'postgres', 'pg_dump', 'pg_restore', 'createdb'];
  return versions
    .map((version) => join(debian, version, 'bin'))
    .find((bin) => needed.every((name) => existsSync(join(bin, name))));
}

/** PostgreSQL refuses to run as root. */
function account(): { readonly uid?: number; readonly gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const idOf = (option: string) => Number(spawnSync('id', [option, 'postgres'], { encoding: 'utf8' }).stdout);
  return { uid: idOf('-u'), gid: idOf('-g') };
}

class Cluster {
  private constructor(
    private readonly directory: string,
    private readonly server: ChildProcess,
    readonly url: string,
  ) {}

  static async start(bin: string): Promise<Cluster> {
    const directory = mkdtempSync(join(tmpdir(), 'signet-guide-postgres-'));
    const { uid, gid } = account();
    if (uid !== undefined && gid !== undefined) chownSync(directory, uid, gid);
    const options = { cwd: directory, ...account(), stdio: 'ignore' } as const;
    const data = join(directory, 'data');
    const made = spawnSync(
      join(bin, 'initdb'),
      ['-D', data, '-U', 'signet', '-A', 'trust', '-E', 'UTF8', '-N'],
      options,
    );
    if (made.status !== 0) throw new Error('initdb has failed');
    const port = String(await freePort());
    const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off', 'synchronous_commit=off'];
    const args = ['-D', data, '-p', port, ...settings.flatMap((setting) => ['-c', setting])];
    const server = spawn(join(bin, 'postgres'), args, options);
    const create = ['-h', '127.0.0.1', '-p', port, '-U', 'signet', 'signet'];
    for (let attempt = 1; spawnSync(join(bin, 'createdb'), create, options).status !== 0; attempt += 1) {
      if (attempt === 100) throw new Error('PostgreSQL does not answer');
      await sleep(100);
    }
    return new Cluster(directory, server, `postgresql://signet:password@127.0.0.1:${port}/signet?sslmode=disable`);
  }

  async stop(): Promise<void> {
    const exited = once(this.server, 'exit');
    this.server.kill('SIGQUIT');
    await exited;
    rmSync(this.directory, { recursive: true, force: true });
  }
}

describe('the guide to production', () => {
  const title = 'does what it says, backup and restore included';
  const bin = postgresTools();
  const isComplete = bin !== undefined && redisAvailable();
  if (!isComplete && process.env['CI'] !== 'true') {
    it.todo(`${title} (apt-get install postgresql redis-server)`);
    return;
  }

  it(
    title,
    async () => {
      const directory = mkdtempSync(join(tmpdir(), 'signet-guide-'));
      const cluster = await Cluster.start(bin ?? '');
      const redis = await startRedis();
      const build = new ServerBuild();
      try {
        const commands = join(directory, 'bin');
        writeCommands(commands, build);
        asClone(join(directory, 'clone'));
        const shown: Readonly<Record<string, string>> = {
          'postgresql://signet:password@db.example.com/signet?sslmode=verify-full': cluster.url,
          'rediss://:password@redis.example.com:6380': redis.url,
          '8080': String(await freePort()),
        };
        const replace = (text: string) =>
          Object.entries(shown).reduce((replaced, [name, value]) => replaced.replaceAll(name, value), text);
        const surroundings = { directory: join(directory, 'clone'), bin: `${commands}:${bin}`, env: {}, replace };
        expect(await runGuide(page, blocksOf(guide), surroundings)).toEqual([]);
      } finally {
        await build.close();
        await redis.stop();
        await cluster.stop();
        rmSync(directory, { recursive: true, force: true });
      }
    },
    120_000,
  );
});
