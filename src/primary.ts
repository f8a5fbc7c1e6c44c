import { fileURLToPath } from 'node:url';
import { WorkerPool } from './cluster/index.js';
import { say, type Surroundings } from './command.js';
import { relayMetrics } from './metrics/index.js';
import { onHangUp, onStop, show } from './process-signals.js';

/** As in a server without workers; those have a little less, and the embedded database what remains. */
const shutdownMs = 9_800;

/**
 * The server as `WEB_CONCURRENCY` processes beside this one, which owns the embedded database and the port and answers nothing
 * itself. They run `worker.ts` in the environment that this process has read.
 *
 * @throws WorkersEnded when they do not start
 */
export async function servePrimary({ config, postgresUrl, embedded }: Surroundings): Promise<void> {
  relayMetrics();
  const pool = new WorkerPool({
    program: fileURLToPath(new URL('worker.js', import.meta.url)),
    size: config.webConcurrency,
    databaseUrl: embedded === undefined ? undefined : postgresUrl,
    log: say,
  });
  const stop = onStop(shutdownMs, async () => {
    const code = await pool.stop();
    await embedded?.stop();
    return code;
  });
  onHangUp(() => void pool.replaceAll());
  const lines = await pool.start().catch(async (error: unknown) => {
    await pool.stop();
    throw error;
  });
  if (lines === undefined) return;
  show(lines);
  say(`SIGHUP to process ${process.pid} replaces the ${config.webConcurrency} processes one by one`);
  const failure = await pool.failed;
  say(failure.message);
  stop(failure.code);
}
