import type { DataSource } from 'typeorm';
import { fail, type Finding, info, ok, warn } from './finding.js';

/** Milliseconds between the two clocks from which on people should look, and from which on assertions and proofs fail. */
const clockLimits = { warn: 2_000, fail: 10_000 } as const;

const oldestServer = 140_000;

/** Which PostgreSQL it is, and whether it takes writes. */
export async function versionFinding(dataSource: DataSource): Promise<Finding> {
  const [row] = await dataSource.query<{ number: string; name: string; readonly: string }[]>(
    `SELECT current_setting('server_version_num') AS number, current_setting('server_version') AS name,
       current_setting('transaction_read_only') AS readonly`,
  );
  const name = `PostgreSQL ${row?.name.split(' ', 1)[0]}`;
  if (Number(row?.number) < oldestServer)
    return fail('database', `${name} is too old`, 'Move to PostgreSQL 14 or later.');
  if (row?.readonly !== 'off') {
    return fail('database', `${name} takes no writes`, 'Let DATABASE_URL lead to the primary, not to a replica.');
  }
  return ok('database', `${name} answers and takes writes`);
}

/** How far the clock of this machine is from that of the database, from the answer whose way was the shortest. */
export async function clockFinding(dataSource: DataSource): Promise<Finding> {
  let best = { way: Infinity, offset: 0 };
  for (let round = 0; round < 5; round += 1) {
    const [before, begin] = [Date.now(), performance.now()];
    const [row] = await dataSource.query<{ now: string }[]>(
      'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::text AS now',
    );
    const way = performance.now() - begin;
    if (way < best.way) best = { way, offset: before + way / 2 - Number(row?.now) };
  }
  return judgeClock(Math.round(best.offset));
}

/** @param offset milliseconds by which the clock of this machine is ahead */
export function judgeClock(offset: number): Finding {
  const distance = Math.abs(offset);
  if (distance < clockLimits.warn) return ok('clock', `within ${Math.max(distance, 1)} ms of the database's`);
  const message = `${(distance / 1000).toFixed(1)} s ${offset > 0 ? 'ahead of' : 'behind'} the database's`;
  const advice = 'Synchronise the clocks of both machines (NTP): tokens, assertions and proofs are judged by them.';
  return distance < clockLimits.fail ? warn('clock', message, advice) : fail('clock', message, advice);
}

/** Whether the schema is the one that this version works with. */
export async function migrationFinding(dataSource: DataSource): Promise<Finding> {
  const known = dataSource.migrations.map((migration) => migration.name ?? migration.constructor.name);
  const done = await doneMigrations(dataSource);
  const pending = known.filter((name) => !done.includes(name));
  const unknown = done.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    return fail(
      'migrations',
      `the database was migrated by a newer version (${unknown.length} unknown)`,
      'Run that version, or restore the database from before.',
    );
  }
  if (done.length === 0) return info('migrations', 'the database is empty', 'Start the server: it makes the tables.');
  if (pending.length === 0) return ok('migrations', `all ${done.length} have been run`);
  return warn('migrations', `${pending.length} are pending`, 'Run signet migrate, or start the server.');
}

async function doneMigrations(dataSource: DataSource): Promise<string[]> {
  const [table] = await dataSource.query<{ found: boolean }[]>(`SELECT to_regclass('migrations') IS NOT NULL AS found`);
  if (table?.found !== true) return [];
  return (await dataSource.query<{ name: string }[]>('SELECT name FROM migrations')).map(({ name }) => name);
}
