import { setTimeout as sleep } from 'node:timers/promises';
import type { Job, JobQueue, JobWorker, QueueBackend } from '../../queue/index.js';
import { type Lane, lanes, type LaneWork } from '../records/index.js';
import { concurrency } from './lane-places.js';

/** Without a sign of life for so long, a lane is another process's; the leases of its deliveries have ends of their own. */
const lockSeconds = 5;

/** Each worker takes and ends one job at a time, a job is a lane, so that one connection will do. */
const connections = 1;

const openAgainMs = 1_000;

/** What the queues tell. */
export interface LaneListener {
  /** Works on a lane; `signal` is aborted when the server stops. */
  run(work: LaneWork, signal: AbortSignal): Promise<void>;
  /** The lane can be added again. */
  done(work: LaneWork): void;
}

/** The queues of the lanes, each with a worker of its own: one job for each subscription and lane that has something to do. */
export class LaneQueues {
  private readonly queues = new Map<Lane, JobQueue>();
  private readonly workers = new Map<Lane, JobWorker>();
  private readonly stopping = new AbortController();
  private opening: Promise<void> | undefined;

  constructor(
    private readonly backend: QueueBackend,
    private readonly listener: LaneListener,
  ) {}

  /** Opens them as soon as the store lets it; waits for nothing. */
  open(): void {
    this.opening ??= this.openAll();
  }

  /**
   * Asks for a turn of a lane. One that waits already, or is at work anywhere, gets none beside it.
   *
   * @returns whether it was asked for: not before the queue is open, and not while the store is away
   */
  async add(work: LaneWork): Promise<boolean> {
    const queue = this.queues.get(work.lane);
    if (queue === undefined || this.stopping.signal.aborted) return false;
    try {
      await queue.add('lane', { subscriptionId: work.subscriptionId }, { jobId: laneId(work), keepFailed: false });
      return true;
    } catch {
      // The sweeper asks again; the queue has said what is wrong.
      return false;
    }
  }

  /** @param deadlineMs longest wait for those that are at work */
  async close(deadlineMs: number): Promise<boolean> {
    this.stopping.abort();
    const closed = await Promise.all([...this.workers.values()].map((worker) => worker.close(deadlineMs)));
    return closed.every(Boolean);
  }

  private async openAll(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        for (const lane of lanes) await this.openLane(lane);
        return;
      } catch {
        await sleep(openAgainMs, undefined, { signal, ref: false }).catch(() => undefined);
      }
    }
  }

  private async openLane(lane: Lane): Promise<void> {
    const name = `events-${lane}`;
    if (!this.queues.has(lane)) this.queues.set(lane, await this.backend.openQueue(name));
    if (this.workers.has(lane) || this.stopping.signal.aborted) return;
    const worker = await this.backend.openWorker(
      name,
      async ({ ids }: Job, signal) => {
        const { subscriptionId } = ids;
        if (subscriptionId !== undefined) await this.listener.run({ subscriptionId, lane }, signal);
        // So that the job goes back to the others.
        signal.throwIfAborted();
      },
      {
        concurrency: concurrency[lane],
        lockSeconds,
        connections,
        onDone: (jobId) => this.listener.done({ subscriptionId: jobId.slice(prefixOf(lane).length), lane }),
      },
    );
    this.workers.set(lane, worker);
    if (this.stopping.signal.aborted) await worker.close(0);
  }
}

/** The id of a lane's job, and what this process knows it by. */
export function laneId({ subscriptionId, lane }: LaneWork): string {
  return `${prefixOf(lane)}${subscriptionId}`;
}

function prefixOf(lane: Lane): string {
  return `lane-${lane}-`;
}
