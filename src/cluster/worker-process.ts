import cluster, { type Worker } from 'node:cluster';
import { endHandedConnections } from './handed-connections.js';
import { isReadyMessage, type OrderMessage } from './messages.js';

/** How a process ended: its exit code, or the signal that ended it. */
export type Ending = number | string;

/** One worker, as the primary sees it. */
export class WorkerProcess {
  /** Resolves when it has ended; never rejects. */
  readonly ended: Promise<Ending>;
  /** Resolves with the lines that it wants to be shown once it answers; with `undefined` when it has ended before. */
  readonly ready: Promise<readonly string[] | undefined>;
  /** Whether it is on its way out: told to retire. */
  retiring = false;
  /** Whether the work without a request is its own. */
  hasBackgroundWork = false;
  private readySince: number | undefined;
  private readonly worker: Worker;

  /** @param environment what it is told beyond the environment of this process */
  constructor(environment: Readonly<Record<string, string>>) {
    this.worker = cluster.fork(environment);
    endHandedConnections(this.worker);
    this.ended = new Promise((resolve) => {
      this.worker.once('exit', (code, signal: string | null) => resolve(signal ?? code));
      // It could not even be started.
      this.worker.on('error', () => resolve(1));
    });
    this.ready = new Promise((resolve) => {
      this.worker.on('message', (message: unknown) => {
        if (!isReadyMessage(message)) return;
        this.readySince ??= performance.now();
        resolve(message.lines);
      });
      void this.ended.then(() => resolve(undefined));
    });
  }

  get pid(): number | undefined {
    return this.worker.process.pid;
  }

  /** Milliseconds for which it has answered; `undefined`: it does not yet. */
  get answeredMs(): number | undefined {
    return this.readySince === undefined ? undefined : performance.now() - this.readySince;
  }

  /** Whether it answers, and shall go on. */
  get serves(): boolean {
    return this.readySince !== undefined && !this.retiring;
  }

  /** Makes it the one that does the work without a request, until it ends. */
  giveBackgroundWork(): void {
    this.hasBackgroundWork = true;
    this.order('background-work');
  }

  /** Asks it to end once its conversations are over. */
  retire(): void {
    this.retiring = true;
    this.order('retire');
  }

  kill(signal: NodeJS.Signals): void {
    this.worker.process.kill(signal);
  }

  private order(order: OrderMessage['signet']): void {
    // One that is dying is replaced, whatever it was asked.
    this.worker.send({ signet: order } satisfies OrderMessage, undefined, () => undefined);
  }
}
