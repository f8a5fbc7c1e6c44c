import { existsSync } from 'node:fs';
import { CannotListen } from './app.setup.js';
import { WorkersEnded } from './cluster/index.js';
import { type Config, ConfigurationError, loadConfig } from './config/index.js';
import { type EmbeddedPostgres, EmbeddedPostgresError, startEmbeddedPostgres } from './database/embedded/index.js';
import { isDatabaseUnavailable, serverConnections } from './database/index.js';

/** sysexits(3): a fault of the configuration. */
const EX_CONFIG = 78;

/** Tells the operator something, beside what the command itself answers. */
export function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function readConfig(): Config {
  if (existsSync('.env')) process.loadEnvFile('.env');
  const { config, warnings } = loadConfig(process.env, process.execArgv);
  for (const { variable, message } of warnings) say(`warning: ${variable}: ${message}`);
  return config;
}

/** The database as the configuration has it: started, or joined, if it is the embedded one. */
export async function startDatabase(config: Config): Promise<{ url: string; embedded: EmbeddedPostgres | undefined }> {
  if (config.database.url !== undefined) return { url: config.database.url.reveal(), embedded: undefined };
  const settings = { max_connections: String(serverConnections(config.webConcurrency)) };
  const embedded = await startEmbeddedPostgres({ dataDir: config.database.dataDir, log: say, settings });
  return { url: embedded.url, embedded };
}

/** What a command works with. */
export interface Surroundings {
  readonly config: Config;
  readonly postgresUrl: string;
  /** `undefined`: the database is somebody else's to stop. */
  readonly embedded: EmbeddedPostgres | undefined;
}

/**
 * Runs a command of this program: reads the configuration, starts the embedded database if there is no other, and explains
 * what goes wrong. The process ends with code 78 for a fault of the configuration, else 1.
 *
 * @param command when it fails, the embedded database is stopped; when it succeeds, that is left to it
 */
export async function runCommand(command: (surroundings: Surroundings) => Promise<void>): Promise<void> {
  try {
    const config = readConfig();
    const { url, embedded } = await startDatabase(config);
    try {
      await command({ config, postgresUrl: url, embedded });
    } catch (error) {
      await embedded?.stop();
      throw error;
    }
  } catch (error) {
    failWith(error);
  }
}

/** As {@link runCommand}, for a command that needs no database. */
export async function runWithoutDatabase(command: (config: Config) => Promise<void>): Promise<void> {
  try {
    await command(readConfig());
  } catch (error) {
    failWith(error);
  }
}

/** Ends this process, and says why: with code 78 for a fault of the configuration, else 1. */
export function failWith(error: unknown): never {
  const { lines, code } = explain(error);
  for (const line of lines) say(line);
  process.exit(code);
}

const listenFault = 'HOST: the server cannot listen at this address';

/** By the code of the system. */
const listenFaults: Readonly<Record<string, string>> = {
  EADDRINUSE: 'PORT: the address is already in use',
  EACCES: 'PORT: this user may not listen there',
};

/** By SQLSTATE. */
const databaseRefusals: Readonly<Record<string, string>> = {
  '28000': 'DATABASE_URL: the database refuses this user',
  '28P01': 'DATABASE_URL: the database refuses this user or password',
  '3D000': 'DATABASE_URL: there is no such database',
  '42501': 'DATABASE_URL: this user may not create the tables',
};

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** What the operator reads when the start fails: the fault, never a stack that could hold a value. */
export function explain(error: unknown): { lines: string[]; code: number } {
  if (error instanceof ConfigurationError) {
    return { lines: error.faults.map(({ variable, message }) => `${variable}: ${message}`), code: EX_CONFIG };
  }
  if (error instanceof WorkersEnded) {
    return { lines: error.explanation === undefined ? [] : [error.explanation], code: error.code };
  }
  if (error instanceof EmbeddedPostgresError) return { lines: [error.message], code: 1 };
  if (error instanceof CannotListen) return { lines: [listenFaults[codeOf(error.cause)] ?? listenFault], code: 1 };
  if (isDatabaseUnavailable(error)) return { lines: ['DATABASE_URL: the database cannot be reached'], code: 1 };
  const refusal = databaseRefusals[codeOf(error)];
  if (refusal !== undefined) return { lines: [refusal], code: 1 };
  // The system says which file, and what is wrong with it.
  if (error instanceof Error && 'syscall' in error && 'path' in error) return { lines: [error.message], code: 1 };
  return { lines: [error instanceof Error ? (error.stack ?? error.message) : 'the start failed'], code: 1 };
}
