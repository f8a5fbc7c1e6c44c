import { Inject, Injectable } from '@nestjs/common';
import { Clock } from '../clock/index.js';
import { networkOf } from './network-of.js';
import { TokenBuckets } from './token-buckets.js';

/** Failed authentications per minute before the next failure is answered 429 (security.md D14). */
export const failureBudgets = {
  /** By one client from one network. */
  clientAndNetwork: 500,
  /** By one client from anywhere. */
  client: 5_000,
  /** From one network, whatever the client. */
  network: 5_000,
} as const;

/** Buckets that are kept per kind. */
const capacity = 50_000;

/**
 * Limits of this process, in bounded memory. A budget of failures slows down failures only: a client that shows the right
 * credentials is never locked out by somebody else's guesses.
 */
@Injectable()
export class Limits {
  private readonly failures = new TokenBuckets(capacity);
  private readonly requests = new TokenBuckets(capacity);

  constructor(@Inject(Clock) private readonly clock: Clock) {}

  /**
   * Counts a failed authentication.
   *
   * @returns 0 while the budget lasts, else the seconds to wait for the next attempt
   */
  failed(clientId: string, address: string | undefined): number {
    const now = this.clock.now();
    const network = networkOf(address);
    return Math.max(
      this.failures.take(`cn ${network} ${clientId}`, failureBudgets.clientAndNetwork, now),
      this.failures.take(`c ${clientId}`, failureBudgets.client, now),
      this.failures.take(`n ${network}`, failureBudgets.network, now),
    );
  }

  /**
   * Counts a request of an authenticated client against its own `rate_limit_per_minute`.
   *
   * @returns 0 while it lasts, else the seconds to wait
   */
  requested(clientId: string, perMinute: number): number {
    return this.requests.take(clientId, perMinute, this.clock.now());
  }
}
