import 'reflect-metadata';
import { existsSync } from 'node:fs';
import { CannotListen, type RunningServer, startApp } from './app.setup.js';
import { type Config, ConfigurationError, loadConfig } from './config/index.js';
import { type EmbeddedPostgres, EmbeddedPostgresError, startEmbeddedPostgres } from './database/embedded/index.js';
import { isDatabaseUnavailable } from './database/index.js';
import { greeting } from './greeting.js';

/** sysexits(3): a fault of the configuration. */
const EX_CONFIG = 78;

/** Longest that a shutdown may take, in milliseconds; what is not done by then is cut. */
const shutdownMs = 9_000;

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function readConfig(): Config {
  if (existsSync('.env')) process.loadEnvFile('.env');
  const { config, warnings } = loadConfig(process.env, process.execArgv);
  for (const { variable, message } of warnings) say(`warning: ${variable}: ${message}`);
  return config;
}

async function startDatabase(config: Config): Promise<{ url: string; embedded: EmbeddedPostgres | undefined }> {
  if (config.database.url !== undefined) return { url: config.database.url.reveal(), embedded: undefined };
  const embedded = await startEmbeddedPostgres({ dataDir: config.database.dataDir, log: say });
  return { url: embedded.url, embedded };
}

function stopOnSignal(server: RunningServer, embedded: EmbeddedPostgres | undefined): void {
  let stopping = false;
  const stop = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(1), shutdownMs).unref();
    await server.close();
    await embedded?.stop();
    process.exit(0);
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => void stop().catch(() => process.exit(1)));
}

async function main(): Promise<void> {
  const config = readConfig();
  const { url, embedded } = await startDatabase(config);
  try {
    const server = await startApp(config, url);
    stopOnSignal(server, embedded);
    for (const line of greeting(config, server.bootstrap, process.cwd())) process.stdout.write(`${line}\n`);
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
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
function explain(error: unknown): { lines: string[]; code: number } {
  if (error instanceof ConfigurationError) {
    return { lines: error.faults.map(({ variable, message }) => `${variable}: ${message}`), code: EX_CONFIG };
  }
  if (error instanceof EmbeddedPostgresError) return { lines: [error.message], code: 1 };
  if (error instanceof CannotListen) return { lines: [listenFaults[codeOf(error.cause)] ?? listenFault], code: 1 };
  if (isDatabaseUnavailable(error)) return { lines: ['DATABASE_URL: the database cannot be reached'], code: 1 };
  const refusal = databaseRefusals[codeOf(error)];
  if (refusal !== undefined) return { lines: [refusal], code: 1 };
  return { lines: [error instanceof Error ? (error.stack ?? error.message) : 'the start failed'], code: 1 };
}

main().catch((error: unknown) => {
  const { lines, code } = explain(error);
  for (const line of lines) say(line);
  process.exit(code);
});
