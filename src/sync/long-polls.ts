import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { Measurements } from '../measurements/index.js';
import { FeedWatch } from './feed-watch.js';
import { TooManyLongPolls } from './sync.errors.js';

/** Most requests of one client that may wait at the same time in one process (security.md L-11). */
export const longPollsPerClient = 32;

const waiting = 'signet_state_long_polls';

/** Counts who waits for changes, so that no client fills the server with requests that wait. */
@Injectable()
export class LongPolls implements OnModuleInit {
  private readonly byClient = new Map<string, number>();

  constructor(
    @Inject(FeedWatch) private readonly watch: FeedWatch,
    @Inject(Measurements) private readonly measurements: Measurements,
  ) {}

  onModuleInit(): void {
    this.measurements.read({
      name: 'state_long_polls',
      series: [{ name: waiting, help: 'Requests that wait for changes of state.', labels: [] }],
      read: () => [{ name: waiting, value: this.watch.waiting }],
    });
  }

  /**
   * Runs `work`, which may wait, as one of the client's requests.
   *
   * @throws TooManyLongPolls
   */
  async hold<Result>(clientId: string, work: () => Promise<Result>): Promise<Result> {
    const held = this.byClient.get(clientId) ?? 0;
    if (held >= longPollsPerClient) throw new TooManyLongPolls();
    this.byClient.set(clientId, held + 1);
    try {
      return await work();
    } finally {
      const left = (this.byClient.get(clientId) ?? 1) - 1;
      if (left === 0) this.byClient.delete(clientId);
      else this.byClient.set(clientId, left);
    }
  }
}
