import cluster from 'node:cluster';
import { databaseUrlVariable, isOrderMessage, type ReadyMessage } from './messages.js';

/** What a worker hears of the primary, and tells it. */
export class PrimaryLink {
  /** Resolves when the work without a request has become this worker's. */
  readonly backgroundWork: Promise<void>;
  /** Resolves when this worker is asked to end once its conversations are over. */
  readonly retired: Promise<void>;
  /** The database of the primary; `undefined`: the configuration names one. */
  readonly databaseUrl = process.env[databaseUrlVariable];

  /**
   * To be made before anything is awaited, lest an order be missed. When the primary is gone, this process ends at once.
   *
   * @throws Error when this process is no worker
   */
  constructor() {
    if (!cluster.isWorker) throw new Error('this program is started by the server, not by hand');
    let work: () => void;
    let retire: () => void;
    this.backgroundWork = new Promise((resolve) => (work = resolve));
    this.retired = new Promise((resolve) => (retire = resolve));
    // Before Node.js does so by `process.exit()`, which may end in a core dump when the terminal has gone with the primary.
    process.prependListener('disconnect', () => process.kill(process.pid, 'SIGKILL'));
    process.on('message', (message: unknown) => {
      if (!isOrderMessage(message)) return;
      if (message.signet === 'retire') retire();
      else work();
    });
  }

  /** Says that this worker answers requests. @param lines what the operator is to read, if it is the first one */
  ready(lines: readonly string[]): void {
    process.send?.({ signet: 'ready', lines } satisfies ReadyMessage);
  }
}
