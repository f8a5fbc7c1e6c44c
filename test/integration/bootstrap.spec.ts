import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { createMigratedDatabase } from '../support/migrated-database.js';
import type { TestDatabase } from '../support/postgres.js';
import { administrator, type ClientProcess, openProcess, registration } from './client-fixture.js';

const environment = { clientId: 'operator', clientSecret: 'chosen by the operator: J7q9-w2Xz-0pLm-55Rt' };

let database: TestDatabase;
let process: ClientProcess;
let dataDir: string;

beforeEach(async () => {
  database = await createMigratedDatabase();
  process = await openProcess(database.url);
  dataDir = await mkdtemp(join(tmpdir(), 'signet-bootstrap-'));
});

afterEach(async () => {
  await process.close();
  await database.drop();
  await rm(dataDir, { recursive: true });
});

async function events(): Promise<unknown[]> {
  return process.dataSource.query('SELECT type, subject, data FROM events');
}

async function actions(): Promise<string[]> {
  const rows = await process.dataSource.query<{ action: string }[]>(
    `SELECT action FROM audit_log WHERE target_id IN ('admin', 'operator') ORDER BY id`,
  );
  return rows.map(({ action }) => action).toSorted();
}

describe('without BOOTSTRAP_CLIENT_ID', () => {
  it('generates a client once, its credentials readable by the owner only', async () => {
    const nested = join(dataDir, 'data');
    const path = join(nested, 'bootstrap-client.json');
    expect(await process.bootstrap(nested).run()).toEqual({ kind: 'generated', clientId: 'admin', path });

    const text = await readFile(path, 'utf8');
    expect(JSON.parse(text)).toEqual({ client_id: 'admin', client_secret: expect.stringMatching(/^signet_cs_/) });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(nested)).toEqual(['bootstrap-client.json']);
    expect(await process.listing.get('admin')).toMatchObject({
      clientName: 'Bootstrap administrator',
      scope: ['admin:full'],
      secrets: [{ hint: JSON.parse(text).client_secret.slice(-4), expiresAt: null }],
    });
    expect(await actions()).toEqual(['bootstrap.completed', 'client.created']);
    expect(await events()).toEqual([
      { type: 'oauth.client.created', subject: 'admin', data: { client_id: 'admin', epoch: 0 } },
    ]);

    expect(await process.bootstrap(nested).run()).toEqual({ kind: 'unused', clientId: 'admin', path });
    expect(await readFile(path, 'utf8')).toBe(text);
  });

  const ends: [string, (path: string) => Promise<unknown>][] = [
    ['was used', () => process.dataSource.query('UPDATE clients SET last_used_at = now()')],
    ['was disabled', () => process.dataSource.query(`UPDATE clients SET status = 'disabled'`)],
    ['has another secret', () => process.dataSource.query(`UPDATE client_secrets SET hint = '!!!!'`)],
    ['is not the one of the file', (path) => writeFile(path, '{"client_id":"other","client_secret":"x"}')],
    ['has lost its file', (path) => rm(path)],
    ['has a file that is none', (path) => writeFile(path, 'null')],
  ];

  it.each(ends)('tells where the credentials are until the client %s', async (_, end) => {
    const path = join(dataDir, 'bootstrap-client.json');
    await process.bootstrap(dataDir).run();
    expect(await process.bootstrap(dataDir).run()).toEqual({ kind: 'unused', clientId: 'admin', path });
    await end(path);
    expect(await process.bootstrap(dataDir).run()).toEqual({ kind: 'done' });
  });

  it('is done by one of ten processes', async () => {
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => process.bootstrap(dataDir).run()));
    expect(outcomes.map(({ kind }) => kind).toSorted()).toEqual([
      'generated',
      ...Array.from({ length: 9 }, () => 'unused'),
    ]);
  });

  it('makes no client when the credentials cannot be written, and starts anew', async () => {
    const notADirectory = join(dataDir, 'file');
    await writeFile(notADirectory, '');
    await expect(process.bootstrap(notADirectory).run()).rejects.toThrow();
    expect(await process.dataSource.query('SELECT 1 FROM clients UNION ALL SELECT 1 FROM bootstrap')).toEqual([]);
    expect(await process.bootstrap(dataDir).run()).toMatchObject({ kind: 'generated' });
  });

  it('makes no client where there is one', async () => {
    await process.clients.create(administrator, registration());
    expect(await process.bootstrap(dataDir).run()).toEqual({ kind: 'done' });
    expect(await readdir(dataDir)).toEqual([]);
  });
});

describe('with BOOTSTRAP_CLIENT_ID', () => {
  it('makes that client, and writes no file', async () => {
    expect(await process.bootstrap(dataDir, environment).run()).toEqual({ kind: 'environment', clientId: 'operator' });
    expect(await process.listing.get('operator')).toMatchObject({ scope: ['admin:full'], secrets: [{ hint: '55Rt' }] });
    expect(await readdir(dataDir)).toEqual([]);
    expect(await actions()).toEqual(['bootstrap.completed', 'client.created']);
  });

  it.each([
    ['disabled', () => process.clients.update(administrator, 'operator', { status: 'disabled' })],
    ['deleted', () => process.clients.delete(administrator, 'operator')],
  ])('C-15 leaves a %s client as it is, and says so', async (status, end) => {
    await process.bootstrap(dataDir, environment).run();
    await process.clients.create(administrator, registration({ scope: 'admin:full' }));
    await end();
    const rows = () => process.dataSource.query('SELECT to_jsonb(c) FROM clients c ORDER BY client_id');
    const before: unknown = await rows();
    const lines: unknown[] = [];
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation((line) => void lines.push(line));

    expect(await process.bootstrap(dataDir, environment).run()).toEqual({ kind: 'done' });
    warn.mockRestore();

    expect(lines).toEqual([`the client that BOOTSTRAP_CLIENT_ID names was ${status}, and stays so`]);
    expect(await rows()).toEqual(before);
  });

  it('makes no second one at a later start under another name', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    await process.bootstrap(dataDir).run();
    expect(await process.bootstrap(dataDir, environment).run()).toMatchObject({ kind: 'unused', clientId: 'admin' });
    expect(warn).toHaveBeenCalledTimes(1);
    warn.mockRestore();
    await expect(process.listing.get('operator')).rejects.toMatchObject({ status: 404 });
  });
});
