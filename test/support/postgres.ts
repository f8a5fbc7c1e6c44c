import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { Client, DatabaseError } from 'pg';

/** A database made for one test file. */
export interface TestDatabase {
  readonly url: string;
  /** Drops it, ending the connections that are still open. */
  drop(): Promise<void>;
}

/** Connections to a template are closed a moment after their client said so. */
const TEMPLATE_LIMIT_MS = 5000;

/**
 * The URL of the database `name` on the PostgreSQL of this test run: the embedded one that `global-setup.mjs` has
 * started, or the server that `SIGNET_TEST_POSTGRES_URL` named before (its user must be a superuser).
 *
 * @throws Error outside a test run
 */
export function databaseUrl(name: string): string {
  const base = process.env['SIGNET_TEST_POSTGRES_URL'];
  if (base === undefined) throw new Error('SIGNET_TEST_POSTGRES_URL is not set: was global-setup.mjs left out?');
  return withDatabase(base, name);
}

/** The same server, another database. Not by `URL`, which refuses an empty host. */
export function withDatabase(url: string, name: string): string {
  const [, server, query] = /^([a-z]+:\/\/[^/?]*)(?:\/[^?]*)?(\?.*)?$/.exec(url) ?? [];
  if (server === undefined) throw new Error('SIGNET_TEST_POSTGRES_URL is no URL of a PostgreSQL server');
  return `${server}/${encodeURIComponent(name)}${query ?? ''}`;
}

/**
 * Makes a database with a name of its own.
 *
 * @param template the database to copy; nobody may be connected to it
 */
export async function createTestDatabase(template = 'template1'): Promise<TestDatabase> {
  const name = `test_${process.pid}_${randomBytes(6).toString('hex')}`;
  await createDatabase(name, template);
  return { url: databaseUrl(name), drop: () => dropDatabase(name) };
}

/** Makes a database of that name; waits a little while somebody is connected to the template. */
export async function createDatabase(name: string, template = 'template1'): Promise<void> {
  for (const limit = Date.now() + TEMPLATE_LIMIT_MS; ;) {
    try {
      return await administer(`CREATE DATABASE ${quote(name)} TEMPLATE ${quote(template)}`);
    } catch (error) {
      if (!(error instanceof DatabaseError && error.code === '55006' && Date.now() < limit)) throw error;
      await sleep(50);
    }
  }
}

/** Drops the database of that name, if there is one, and ends the connections to it. */
export async function dropDatabase(name: string): Promise<void> {
  await administer(`DROP DATABASE IF EXISTS ${quote(name)} WITH (FORCE)`);
}

async function administer(statement: string): Promise<void> {
  const client = new Client({ connectionString: databaseUrl('postgres') });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}
