import 'reflect-metadata';
import { startApp } from './app.setup.js';
import { runCommand, say, type Surroundings } from './command.js';
import { greeting } from './greeting.js';
import { servePrimary } from './primary.js';
import { ignoreInspector, onHangUp, onStop, show } from './process-signals.js';

/** Longest that a shutdown may take, in milliseconds; what is not done by then is cut. */
const shutdownMs = 9_000;

/** The server in this very process. */
async function serveAlone({ config, postgresUrl, embedded }: Surroundings): Promise<void> {
  const server = await startApp(config, postgresUrl);
  onStop(shutdownMs, async () => {
    await server.close();
    await embedded?.stop();
    return 0;
  });
  onHangUp(() => say('SIGHUP has no effect: with WEB_CONCURRENCY=1 there is no other process to take over'));
  show(greeting(config, server.bootstrap, process.cwd()));
}

ignoreInspector();
await runCommand((surroundings) =>
  surroundings.config.webConcurrency === 1 ? serveAlone(surroundings) : servePrimary(surroundings),
);
