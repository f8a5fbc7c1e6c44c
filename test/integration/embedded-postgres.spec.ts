import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { createPostgresBackend, withBackend } from 'bullmq';
import { Client } from 'pg';
import { DataSource } from 'typeorm';

import {
  type EmbeddedPostgres,
  EmbeddedPostgresError,
  startEmbeddedPostgres,
} from '../../src/database/embedded/index.js';
import { readProcess } from '../../src/database/embedded/process-facts.js';
import { EmbeddedInstallation, gone, postmasterPid } from '../support/embedded-installation.js';

/** `nobody` on every Linux; as an ordinary user we run everything as ourselves. */
const ordinaryUser = process.getuid?.() === 0 ? 65_534 : undefined;

let root: string;
let installation: EmbeddedInstallation;
let dataDir: string;
let count = 0;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'signet-embedded-'));
  installation = new EmbeddedInstallation(join(root, 'installation'));
});

beforeEach(() => {
  count += 1;
  dataDir = join(root, `data-${count}`);
});

afterEach(() => installation.close());

afterAll(() => {
  rmSync(root, { recursive: true, force: true, maxRetries: 3 });
});

describe('the embedded PostgreSQL', () => {
  let postgres: EmbeddedPostgres | undefined;

  afterEach(() => postgres?.stop());

  it('starts on nothing, is reached by its socket only, and keeps its data over a restart', async () => {
    postgres = await startEmbeddedPostgres({ dataDir, log: () => undefined });
    expect(await query(postgres.url, 'SHOW listen_addresses')).toEqual([{ listen_addresses: '' }]);
    expect(
      await query(
        postgres.url,
        `SELECT current_database() AS database, pg_encoding_to_char(encoding) AS encoding, datlocale,
           current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS synchronous_commit,
           current_setting('full_page_writes') AS full_page_writes, current_setting('TimeZone') AS timezone,
           current_setting('log_parameter_max_length') AS log_parameters
         FROM pg_database WHERE datname = current_database()`,
      ),
    ).toEqual([
      {
        database: 'signet',
        encoding: 'UTF8',
        datlocale: 'C.UTF-8',
        fsync: 'on',
        synchronous_commit: 'on',
        full_page_writes: 'on',
        timezone: 'UTC',
        log_parameters: '0',
      },
    ]);
    const sockets = socketDirectory(postgres.url);
    expect(statSync(sockets).mode & 0o777).toBe(0o700);
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    await query(postgres.url, 'CREATE TABLE kept AS SELECT 42 AS answer');

    const first = postmasterPid(dataDir);
    await postgres.stop();
    await gone(first);
    expect(existsSync(sockets)).toBe(false);
    expect(postmasterPid(dataDir)).toBeUndefined();

    postgres = await startEmbeddedPostgres({ dataDir, log: () => undefined });
    expect(await query(postgres.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  });

  it('has a URL that TypeORM and BullMQ take', async () => {
    postgres = await startEmbeddedPostgres({ dataDir, log: () => undefined, settings: { fsync: 'off' } });
    const dataSource = await new DataSource({ type: 'postgres', url: postgres.url }).initialize();
    expect(await dataSource.query('SELECT current_database() AS name')).toEqual([{ name: 'signet' }]);
    await dataSource.destroy();

    const { Queue } = withBackend(createPostgresBackend);
    const queue = new Queue('things', {
      connection: { connectionString: postgres.url, schema: 'bullmq', migrate: true },
    });
    await queue.add('thing', { id: 1 });
    expect(await queue.getWaitingCount()).toBe(1);
    await queue.close();
  });

  it('starts PostgreSQL again, at the same address, when it is killed', async () => {
    const lines: string[] = [];
    postgres = await startEmbeddedPostgres({ dataDir, log: (line) => lines.push(line), settings: { fsync: 'off' } });
    const first = postmasterPid(dataDir);
    process.kill(first ?? 0, 'SIGKILL');
    await gone(first);
    expect(await eventually(postgres.url)).toEqual([{ one: 1 }]);
    expect(lines.join('\n')).toContain('runs again');
  });

  it('says what is wrong with a data directory', async () => {
    const start = (directory: string): Promise<EmbeddedPostgres> =>
      startEmbeddedPostgres({ dataDir: directory, log: () => undefined });
    mkdirSync(join(dataDir, 'postgres'), { recursive: true });
    if (ordinaryUser !== undefined) chownSync(join(dataDir, 'postgres'), ordinaryUser, ordinaryUser);
    writeFileSync(join(dataDir, 'postgres', 'notes.txt'), 'mine');
    await expect(start(dataDir)).rejects.toThrow(/holds no PostgreSQL cluster: move it away/);
    writeFileSync(join(dataDir, 'postgres', 'PG_VERSION'), '17\n');
    await expect(start(dataDir)).rejects.toThrow(/was made by PostgreSQL 17, and this release brings PostgreSQL 18/);
    await expect(start(join(dataDir, 'postgres', 'notes.txt', 'data'))).rejects.toThrow(
      /DATA_DIR .* cannot be written/,
    );
    await expect(start(join(dataDir, 'postgres', 'notes.txt'))).rejects.toBeInstanceOf(EmbeddedPostgresError);
  });
});

describe('a server that is killed', () => {
  it('leaves no PostgreSQL behind, and the next start has all that was committed', async () => {
    const server = installation.run(dataDir);
    await query(await server.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    const postmaster = postmasterPid(dataDir);
    server.kill();
    // At once, while PostgreSQL is still shutting down.
    const next = installation.run(dataDir);
    expect(await query(await next.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
    await gone(postmaster);
    const second = postmasterPid(dataDir);
    expect(await next.stop()).toBe(0);
    await gone(second);
  });

  it('together with its PostgreSQL: the next start recovers', async () => {
    const server = installation.run(dataDir);
    await query(await server.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    process.kill(postmasterPid(dataDir) ?? 0, 'SIGKILL');
    server.kill();
    const next = installation.run(dataDir);
    expect(await query(await next.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  });

  it('together with the shell that watches: the next start ends the PostgreSQL that nobody holds', async () => {
    const server = installation.run(dataDir);
    await server.url;
    const orphan = postmasterPid(dataDir);
    const shell = await readProcess(orphan ?? 0);
    process.kill(shell?.parent ?? 0, 'SIGKILL');
    server.kill();
    const next = installation.run(dataDir);
    expect(await query(await next.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await gone(orphan);
    const second = postmasterPid(dataDir);
    await next.stop();
    await gone(second);
  });

  it('in the middle of initdb: the next start begins again and clears up', async () => {
    const server = installation.run(dataDir);
    const half = await unfinishedCluster(dataDir);
    server.kill();
    await server.exited;
    expect(existsSync(join(dataDir, 'postgres'))).toBe(false);
    const next = installation.run(dataDir);
    await next.url;
    await next.stop();
    // By now the initdb of the killed one has ended as well.
    const third = installation.run(dataDir);
    await third.url;
    expect(existsSync(half)).toBe(false);
  });
});

describe('a postmaster.pid that is stale', () => {
  it('and names a living process that is something else is set aside', async () => {
    const first = installation.run(dataDir);
    await first.url;
    await first.stop();
    writeFileSync(
      join(dataDir, 'postgres', 'postmaster.pid'),
      `${process.pid}\n${join(dataDir, 'postgres')}\n1700000000\n5432\n/tmp/signet-gone\n\n  1  2\nready   \n`,
      { mode: 0o600 },
    );
    const next = installation.run(dataDir);
    expect(await query(await next.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(readdirSync(join(dataDir, 'postgres')).filter((name) => name.startsWith('postmaster.pid'))).toEqual([
      'postmaster.pid',
    ]);
  });
});

describe('processes on one data directory', () => {
  it('that start at once on nothing share one PostgreSQL', async () => {
    const servers = [1, 2, 3].map(() => installation.run(dataDir));
    const urls = await Promise.all(servers.map((server) => server.url));
    expect(new Set(urls).size).toBe(1);
    expect(readdirSync(dataDir)).toEqual(['postgres']);
  });

  it('share it until the one that started it ends; then another starts it again at the same address', async () => {
    const first = installation.run(dataDir);
    const url = await first.url;
    const [second, third] = [installation.run(dataDir), installation.run(dataDir)];
    expect(await second.url).toBe(url);
    expect(await third.url).toBe(url);
    const postmaster = postmasterPid(dataDir);
    expect(await third.stop()).toBe(0);
    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);

    expect(await first.stop()).toBe(0);
    await gone(postmaster);
    expect(await eventually(url)).toEqual([{ one: 1 }]);
    const taken = postmasterPid(dataDir);
    expect(await second.stop()).toBe(0);
    await gone(taken);
  });
});

describe('where nobody else may enter', () => {
  it('runs out of a fresh installation, library links missing, with its data under a directory of mode 0700', async () => {
    const closed = join(root, 'closed');
    mkdirSync(closed, { mode: 0o700 });
    const inside = new EmbeddedInstallation(join(closed, 'installation'), true);
    dataDir = join(closed, 'data');
    const server = inside.run(dataDir);
    expect(await query(await server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(existsSync(join(dataDir, 'postgres', 'PG_VERSION'))).toBe(true);
    await inside.close();
  });
});

describe('an ordinary user', () => {
  let home: string;
  let installed: EmbeddedInstallation;

  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), 'signet-home-'));
    chmodSync(home, 0o755);
    installed = new EmbeddedInstallation(join(home, 'installation'), true);
    installed.openToOthers();
  });

  afterAll(async () => {
    await installed.close();
    for (const path of [join(installed.packageDirectory, 'native', 'lib'), join(home, 'sealed')]) {
      if (existsSync(path)) chmodSync(path, 0o755);
    }
    rmSync(home, { recursive: true, force: true, maxRetries: 3 });
  });

  it('uses an installation that is not its own to write', async () => {
    dataDir = join(home, 'data');
    mkdirSync(dataDir);
    if (ordinaryUser !== undefined) chownSync(dataDir, ordinaryUser, ordinaryUser);
    chmodSync(join(installed.packageDirectory, 'native', 'lib'), 0o555);
    const server = installed.run(dataDir, ordinaryUser);
    expect(await query(await server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(statSync(join(dataDir, 'postgres')).uid).toBe(ordinaryUser ?? process.getuid?.());
    const postmaster = postmasterPid(dataDir);
    expect(await server.stop()).toBe(0);
    await gone(postmaster);
  });

  it('is told of a data directory that it may not write', async () => {
    const sealed = join(home, 'sealed');
    mkdirSync(sealed, { mode: 0o555 });
    await expect(installed.run(join(sealed, 'data'), ordinaryUser).url).rejects.toThrow(
      /DATA_DIR .*sealed\/data cannot be written: EACCES/,
    );
  });
});

async function query(url: string, statement: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  // A connection that the end of PostgreSQL breaks is the test's subject, not its failure.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

/** Asks until PostgreSQL answers, for ten seconds at most. */
async function eventually(url: string): Promise<unknown[]> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    try {
      return await query(url, 'SELECT 1 AS one');
    } catch {
      await sleep(50);
    }
  }
  return query(url, 'SELECT 1 AS one');
}

function socketDirectory(url: string): string {
  return decodeURIComponent(/host=(.*)$/.exec(url)?.[1] ?? '');
}

/** Waits until a cluster is in the making and has its first files; returns its directory. */
async function unfinishedCluster(directory: string): Promise<string> {
  for (let attempt = 0; attempt < 2000; attempt += 1) {
    const name = existsSync(directory) && readdirSync(directory).find((entry) => entry.startsWith('postgres.init-'));
    if (name && existsSync(join(directory, name, 'base'))) return join(directory, name);
    await sleep(2);
  }
  throw new Error('no cluster in the making');
}
