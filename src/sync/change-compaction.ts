import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { ScheduledJobs } from '../queue/index.js';
import { ChangeFeedRepository } from './change-feed.repository.js';

/** Seconds that a change stays in the feed after a newer one of the same resource. */
const keptSeconds = 7 * 86_400;

const everySeconds = 600;
const batch = 2_000;

/**
 * Takes changes out of the feed that were superseded seven days ago. The newest change of each resource stays for ever, that
 * of a deleted one too: whoever comes with an old cursor is told less, but ends with what is true.
 */
@Injectable()
export class ChangeCompaction implements OnModuleInit {
  /** Position up to which this process has looked: what superseded something before it, has been dealt with. */
  private done = 0;

  constructor(
    @Inject(ChangeFeedRepository) private readonly changes: ChangeFeedRepository,
    @Inject(ScheduledJobs) private readonly jobs: ScheduledJobs,
  ) {}

  onModuleInit(): void {
    this.jobs.register({
      name: 'state-changes-compact',
      everySeconds,
      run: async (signal) => void (await this.compact(signal)),
    });
  }

  /**
   * Goes on from where the last call has stopped, in bounded steps. Safe at any time, in any number of processes.
   *
   * @returns how many changes are gone
   */
  async compact(signal?: AbortSignal): Promise<number> {
    let gone = 0;
    for (;;) {
      const { until, removed } = await this.changes.removeSuperseded(this.done, batch, keptSeconds);
      gone += removed;
      this.done = until ?? this.done;
      if (until === undefined || signal?.aborted === true) return gone;
    }
  }
}
