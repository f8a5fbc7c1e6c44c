import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Audit, type RequestOrigin } from '../audit/index.js';

/** Milliseconds between two summaries. */
const interval = 10_000;

/** Different (client, address) pairs that are told apart in one summary. */
const maxPairs = 1_000;

interface Count {
  readonly clientId: string | undefined;
  readonly ipAddress: string | undefined;
  refusals: number;
}

/**
 * Refusals over a limit (429) are counted and written as one entry each ten seconds per client and address, so that a flood
 * fills neither the disk nor the log, and nothing is left out.
 */
@Injectable()
export class SuppressedRefusals implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger('token');
  private counts = new Map<string, Count>();
  private timer: NodeJS.Timeout | undefined;

  constructor(@Inject(Audit) private readonly audit: Audit) {}

  onModuleInit(): void {
    this.timer = setInterval(() => void this.write(), interval).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    await this.write();
  }

  /** Counts one refusal that gets no entry of its own. */
  count(origin: RequestOrigin, clientId: string | undefined): void {
    const key = this.counts.size < maxPairs ? `${origin.ipAddress} ${clientId}` : 'others';
    const pair =
      key === 'others' ? { clientId: undefined, ipAddress: undefined } : { clientId, ipAddress: origin.ipAddress };
    const count = this.counts.get(key) ?? { ...pair, refusals: 0 };
    count.refusals += 1;
    this.counts.set(key, count);
  }

  /** Writes what was counted since the last time. */
  async write(): Promise<void> {
    const counts = this.counts;
    this.counts = new Map();
    try {
      await Promise.all([...counts.values()].map((count) => this.writeOne(count)));
    } catch (error) {
      this.logger.warn(`suppressed refusals were not written: ${error instanceof Error ? error.message : 'unknown'}`);
    }
  }

  private async writeOne({ clientId, ipAddress, refusals }: Count): Promise<void> {
    await this.audit.recordRefusal({
      action: 'token.denied',
      actorClientId: clientId,
      origin: { ipAddress, userAgent: undefined, requestId: undefined },
      details: { reason: 'rate_limited', count: refusals },
      error: 'temporarily_unavailable',
    });
  }
}
