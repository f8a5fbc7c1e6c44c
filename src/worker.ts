import 'reflect-metadata';
import { startApp } from './app.setup.js';
import { PrimaryLink } from './cluster/index.js';
import { failWith } from './command.js';
import { loadConfig } from './config/index.js';
import { greeting } from './greeting.js';
import { MetricsExposition } from './metrics/index.js';
import { ignoreInspector, onStop } from './process-signals.js';

/** Longest that a shutdown may take, in milliseconds, so that the primary can end in order after it. */
const shutdownMs = 8_000;

/** One of the `WEB_CONCURRENCY` processes: the server, started and ended by the primary (`primary.ts`). */
async function serve(primary: PrimaryLink): Promise<void> {
  // The primary has read `.env` and checked everything; its environment is this one.
  const { config } = loadConfig(process.env, process.execArgv);
  const postgresUrl = primary.databaseUrl ?? config.database.url?.reveal();
  if (postgresUrl === undefined) throw new Error('the primary has named no database');
  const server = await startApp(config, postgresUrl, undefined, primary.backgroundWork);
  server.app.get(MetricsExposition, { strict: false }).joinProcesses();
  const stop = onStop(shutdownMs, async () => {
    await server.close();
    return 0;
  });
  void primary.retired.then(() => server.retire()).then(() => stop());
  primary.ready(greeting(config, server.bootstrap, process.cwd()));
}

ignoreInspector();
// A terminal sends its signals to every process; what they mean is for the primary to decide.
process.on('SIGHUP', () => undefined);
await serve(new PrimaryLink()).catch(failWith);
