import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Connections } from './connections.js';
import { EgressError, egressErrorOf } from './egress-error.js';
import { Arrived, type EgressRequest, type EgressResponse, exchange, sentHeaders } from './exchange.js';
import { TargetGuard } from './target-guard.js';
import { checkTarget, TargetPolicy, unlessListed } from './target.js';

/** How long whoever stores a URL waits for its name to be looked up, in milliseconds. */
const lookUpMs = 1_500;

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
   * The same for a URL that only a listed network allows, and whose host is a name: whether it is found, and where it leads now.
   * Takes {@link lookUpMs} at most; asks nobody about any other URL.
   */
  async lookUpTarget(url: string): Promise<string | undefined> {
    const fault = unlessListed(url, this.policy);
    if (fault === undefined) return undefined;
    try {
      await this.guard.check(url, lookUpMs);
      return undefined;
    } catch (error) {
      if (error instanceof EgressError) return fault;
      throw error;
    }
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
    const arrived = new Arrived(request.maxBytes);
    try {
      signal.throwIfAborted();
      await Promise.race([this.attempt(url, { ...request, headers }, controller, arrived), ended]);
      return responseOf(arrived);
    } catch (error) {
      const response = request.beyond === 'cut' ? arrived.response : undefined;
      if (response === undefined) throw error;
      return response;
    } finally {
      end();
    }
  }

  private async attempt(
    url: string,
    request: EgressRequest,
    controller: AbortController,
    arrived: Arrived,
  ): Promise<void> {
    const target = await this.guard.check(url);
    controller.signal.throwIfAborted();
    await this.connections.use(target, async (pool) => {
      try {
        await exchange(pool, target.url, request, controller, arrived);
      } catch (error) {
        throw controller.signal.aborted ? controller.signal.reason : egressErrorOf(error, target.listed);
      }
    });
  }
}

function responseOf({ response }: Arrived): EgressResponse {
  if (response === undefined) throw new EgressError('invalid_response');
  return response;
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
