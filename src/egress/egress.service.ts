import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Connections } from './connections.js';
import { EgressError, egressErrorOf } from './egress-error.js';
import { type EgressRequest, type EgressResponse, exchange, sentHeaders } from './exchange.js';
import { TargetGuard } from './target-guard.js';
import { checkTarget, TargetPolicy } from './target.js';

/**
 * The only way in which requests leave this process (security.md D10). Every attempt is checked anew: the URL, and all addresses
 * of its host; the connection goes to a checked address and nowhere else. Redirects are not followed, proxies of the
 * environment not used, cookies not kept, bodies not decompressed.
 */
@Injectable()
export class Egress implements OnApplicationShutdown {
  constructor(
    @Inject(TargetPolicy) private readonly policy: TargetPolicy,
    @Inject(TargetGuard) private readonly guard: TargetGuard,
    @Inject(Connections) private readonly connections: Connections,
  ) {}

  onApplicationShutdown(): Promise<void> {
    return this.connections.close();
  }

  /**
   * Says in a short sentence what is wrong with a URL before it is stored as a target, as far as its text tells; `undefined`:
   * nothing. The sentence goes on from the name of the member: `must use https, …`.
   */
  checkTarget(url: string): string | undefined {
    return checkTarget(url, this.policy);
  }

  /**
   * Sends a request.
   *
   * @returns the response, whatever its status
   * @throws EgressError when there is none within the limits; the reason of `signal` when that gives it up; TypeError for
   *   headers that are not the sender's to set
   */
  async request(url: string, request: EgressRequest): Promise<EgressResponse> {
    const headers = sentHeaders(request.headers);
    const { controller, end } = deadline(request);
    const { signal } = controller;
    const ended = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    try {
      signal.throwIfAborted();
      return await Promise.race([this.attempt(url, { ...request, headers }, controller), ended]);
    } finally {
      end();
    }
  }

  private async attempt(url: string, request: EgressRequest, controller: AbortController): Promise<EgressResponse> {
    const target = await this.guard.check(url);
    controller.signal.throwIfAborted();
    return this.connections.use(target, async (pool) => {
      try {
        return await exchange(pool, target.url, request, controller);
      } catch (error) {
        throw controller.signal.aborted ? controller.signal.reason : egressErrorOf(error, target.listed);
      }
    });
  }
}

/** One end for all of a request: its time is up, or its sender gave it up. */
function deadline({ timeoutMs, signal }: EgressRequest): { controller: AbortController; end: () => void } {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new EgressError('timeout')), timeoutMs);
  const giveUp = () => controller.abort(signal?.reason);
  if (signal?.aborted === true) giveUp();
  signal?.addEventListener('abort', giveUp, { once: true });
  const end = () => {
    clearTimeout(timer);
    signal?.removeEventListener('abort', giveUp);
  };
  return { controller, end };
}
