import cluster from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { databaseUrlVariable } from './messages.js';
import { RestartPolicy, stableAfterMs } from './restart-policy.js';
import { type Ending, WorkerProcess } from './worker-process.js';
import { WorkersEnded } from './workers-ended.js';

/** Milliseconds from SIGTERM after which a worker is killed; before, it ends by itself. */
const stopMs = 8_500;

/** Milliseconds that a worker has for its last conversations and its end. */
const retireMs = 20_000;

/** What a {@link WorkerPool} runs. */
export interface WorkerPoolOptions {
  /** Absolute path of the program. */
  readonly program: string;
  /** How many workers there are to be. */
  readonly size: number;
  /** The database that this process owns; `undefined`: the workers know their own. */
  readonly databaseUrl: string | undefined;
  /** Takes one line at a time: what an operator wants to know. */
  readonly log: (line: string) => void;
}

/**
 * The workers of this process, the primary: the same server several times over, on one port. A connection is accepted here
 * and handed to one worker after the other (round robin).
 *
 * A worker that ends unasked is replaced. One at a time has the work that is done without a request; when it goes, another
 * one gets it. Workers notice the end of the primary, however it comes, and end too.
 */
export class WorkerPool {
  /** Resolves when the pool gives up: at its start when one worker fails, later in a crash loop. */
  readonly failed: Promise<WorkersEnded>;
  private fail: (failure: WorkersEnded) => void = () => undefined;
  private readonly workers = new Set<WorkerProcess>();
  private readonly policy = new RestartPolicy();
  private readonly replacements = new Set<NodeJS.Timeout>();
  private started = false;
  private stopping: Promise<number> | undefined;
  private replacing: Promise<void> | undefined;
  private replaceAgain = false;
  private replaceOnceStarted = false;

  constructor(private readonly options: WorkerPoolOptions) {
    this.failed = new Promise((resolve) => {
      this.fail = resolve;
    });
    // The option of `npm start`; without it a worker would have what the primary has not.
    const hardening = '--disable-proto=delete';
    const execArgv = process.execArgv.includes(hardening) ? process.execArgv : [...process.execArgv, hardening];
    cluster.schedulingPolicy = cluster.SCHED_RR;
    cluster.setupPrimary({ exec: options.program, args: [], execArgv });
  }

  /**
   * Starts the workers: one first, which finds whatever is wrong with the configuration or the database, then the others.
   *
   * @returns what the first one wants to be shown, when all answer; `undefined` when the pool was stopped meanwhile
   * @throws WorkersEnded when one of them does not start
   */
  async start(): Promise<readonly string[] | undefined> {
    const outcome = await Promise.race([this.startAll(), this.failed]);
    if (outcome instanceof WorkersEnded) throw outcome;
    if (this.replaceOnceStarted) void this.replaceAll();
    return outcome;
  }

  /**
   * Replaces the workers one by one: each of them ends when its successor answers. Asked again meanwhile, does it again; asked
   * before the start is over, does it then.
   */
  async replaceAll(): Promise<void> {
    if (this.stopping !== undefined) return;
    if (!this.started) {
      this.replaceOnceStarted = true;
      this.options.log('the processes are replaced as soon as all of them answer');
      return;
    }
    if (this.replacing === undefined) {
      this.replacing = this.replaceEach().finally(() => {
        this.replacing = undefined;
        if (this.replaceAgain) void this.replaceAll();
      });
    } else this.replaceAgain = true;
    await this.replacing;
  }

  /**
   * Ends every worker.
   *
   * @returns the exit code: 0 when each ended in order
   */
  stop(): Promise<number> {
    this.stopping ??= this.stopAll();
    return this.stopping;
  }

  private async startAll(): Promise<readonly string[] | undefined | WorkersEnded> {
    const lines = await this.fork().ready;
    if (this.stopping !== undefined) return undefined;
    if (lines === undefined) return this.failed;
    const others = Array.from({ length: this.options.size - 1 }, () => this.fork().ready);
    const all = (await Promise.all(others)).every((ready) => ready !== undefined);
    if (this.stopping !== undefined) return undefined;
    if (!all) return this.failed;
    this.started = true;
    return lines;
  }

  private fork(): WorkerProcess {
    const { databaseUrl } = this.options;
    const worker = new WorkerProcess(databaseUrl === undefined ? {} : { [databaseUrlVariable]: databaseUrl });
    this.workers.add(worker);
    void worker.ready.then((lines) => this.welcome(worker, lines));
    void worker.ended.then((ending) => this.buried(worker, ending));
    return worker;
  }

  private welcome(worker: WorkerProcess, lines: readonly string[] | undefined): void {
    if (lines === undefined || this.stopping !== undefined) return;
    this.options.log(`process ${worker.pid} answers`);
    this.shareOut();
  }

  private buried(worker: WorkerProcess, ending: Ending): void {
    this.workers.delete(worker);
    if (this.stopping !== undefined) return;
    this.shareOut();
    if (!this.started) this.fail(startFailure(worker, ending));
    else if (!worker.retiring && this.missing > 0) this.replace(worker, ending);
  }

  private replace(worker: WorkerProcess, ending: Ending): void {
    const othersWork = [...this.workers].some(({ answeredMs }) => (answeredMs ?? 0) >= stableAfterMs);
    const pauseMs = this.policy.pauseAfter({ answeredMs: worker.answeredMs, othersWork });
    const story = `process ${worker.pid} has ended (${ending})`;
    if (pauseMs === undefined) {
      this.fail(new WorkersEnded(1, `${story}: the processes end again and again, so the server stops`));
      return;
    }
    this.options.log(`${story}; another one is started${pauseMs === 0 ? '' : ` in ${pauseMs} ms`}`);
    const timer = setTimeout(() => {
      this.replacements.delete(timer);
      if (this.missing > 0) this.fork();
    }, pauseMs);
    this.replacements.add(timer);
  }

  private async replaceEach(): Promise<void> {
    this.replaceAgain = false;
    const { size, log } = this.options;
    log(`${size} processes are replaced one by one`);
    const present = [...this.workers];
    for (const old of present) {
      if (this.stopping !== undefined) return;
      if (!this.workers.has(old) || old.retiring) continue;
      const successor = this.fork();
      if ((await successor.ready) === undefined) {
        if (this.stopping === undefined) log('a new process did not start: the others stay as they are');
        return;
      }
      await this.retire(old);
    }
    if (this.stopping === undefined) log('all processes have been replaced');
  }

  private async retire(worker: WorkerProcess): Promise<void> {
    worker.retire();
    this.shareOut();
    await endsWithin(worker, retireMs);
  }

  /** One worker at a time has the work without a request. */
  private shareOut(): void {
    if (this.stopping !== undefined) return;
    const serving = [...this.workers].filter((worker) => worker.serves);
    if (!serving.some((worker) => worker.hasBackgroundWork)) serving[0]?.giveBackgroundWork();
  }

  private async stopAll(): Promise<number> {
    for (const timer of this.replacements) clearTimeout(timer);
    const endings = [...this.workers].map((worker) => {
      worker.kill('SIGTERM');
      return endsWithin(worker, stopMs);
    });
    // One that had not started yet is ended by the signal itself.
    return (await Promise.all(endings)).every((ending) => ending === 0 || ending === 'SIGTERM') ? 0 : 1;
  }

  private get missing(): number {
    return this.options.size - [...this.workers].filter(({ retiring }) => !retiring).length;
  }
}

/** A worker that ends by itself has said why. */
function startFailure({ pid }: WorkerProcess, ending: Ending): WorkersEnded {
  return typeof ending === 'number' && ending > 0
    ? new WorkersEnded(ending, undefined)
    : new WorkersEnded(1, `process ${pid} has ended (${ending}) before the server was ready`);
}

/** Waits for the end of a worker, and kills it when that takes too long. */
async function endsWithin(worker: WorkerProcess, limitMs: number): Promise<Ending> {
  const limit = new AbortController();
  const late = sleep(limitMs, undefined, { signal: limit.signal }).catch(() => undefined);
  const ending = await Promise.race([worker.ended, late]);
  limit.abort();
  if (ending !== undefined) return ending;
  worker.kill('SIGKILL');
  return worker.ended;
}
