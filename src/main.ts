import 'reflect-metadata';
import { type RunningServer, startApp } from './app.setup.js';
import { runCommand } from './command.js';
import type { EmbeddedPostgres } from './database/embedded/index.js';
import { greeting } from './greeting.js';

/** Longest that a shutdown may take, in milliseconds; what is not done by then is cut. */
const shutdownMs = 9_000;

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

// Without a listener Node.js answers this signal by opening its inspector, and with it the memory of the process.
process.on('SIGUSR1', () => undefined);

await runCommand(async ({ config, postgresUrl, embedded }) => {
  const server = await startApp(config, postgresUrl);
  stopOnSignal(server, embedded);
  for (const line of greeting(config, server.bootstrap, process.cwd())) process.stdout.write(`${line}\n`);
});
