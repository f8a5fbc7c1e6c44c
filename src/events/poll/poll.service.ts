import { Inject, Injectable } from '@nestjs/common';
import { type Caller, confirmCaller, TokenStatus } from '../../access/index.js';
import { HandOut } from './hand-out.service.js';
import type { PolledEvents } from './handed-out.js';
import type { PollQuery } from './poll-query.js';
import { PollWaits } from './poll-waits.js';

/** Answers polls: at once, or when there is something. */
@Injectable()
export class PollService {
  constructor(
    @Inject(HandOut) private readonly handOut: HandOut,
    @Inject(PollWaits) private readonly waits: PollWaits,
    @Inject(TokenStatus) private readonly tokens: TokenStatus,
  ) {}

  /**
   * The events that are due to the caller; while there are none, it waits as long as was asked for.
   *
   * @param signal aborted when nobody waits for the answer any more
   * @throws PolledSubscriptionNotFound, TooManyPolls, DatabaseUnavailable
   * @throws Problem 401 when the token has ended during the wait
   */
  async poll(caller: Caller, query: PollQuery, signal: AbortSignal): Promise<PolledEvents> {
    if (query.waitSeconds === 0) return this.handOut.take(caller.clientId, query, signal);
    const wait = this.waits.enter(caller.clientId, query.subscriptionId);
    try {
      const end = performance.now() + query.waitSeconds * 1_000;
      for (;;) {
        const polled = await this.handOut.take(caller.clientId, query, signal);
        if (polled.items.length > 0) return polled;
        if (polled.moreAvailable && performance.now() < end) continue;
        if (!(await wait.next(end - performance.now(), signal))) return polled;
        await confirmCaller(this.tokens, caller);
      }
    } finally {
      wait.leave();
    }
  }
}
