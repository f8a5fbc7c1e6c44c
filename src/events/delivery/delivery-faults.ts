import { Injectable, Logger } from '@nestjs/common';

const repeatAfterMs = 30_000;

/** Logs what goes wrong on this side while delivering: each kind at once, and then at most twice a minute. */
@Injectable()
export class DeliveryFaults {
  private readonly logger = new Logger('Delivery');
  private readonly lastLogged = new Map<string, number>();

  /** @param what a sentence of the program, the same for each fault of a kind */
  report(what: string, error: unknown): void {
    const now = performance.now();
    if (now - (this.lastLogged.get(what) ?? -Infinity) < repeatAfterMs) return;
    this.lastLogged.set(what, now);
    const line = error instanceof Error ? error.message.split('\n', 1)[0] : undefined;
    this.logger.warn(`${what}: ${(line ?? 'unknown').slice(0, 200)}`);
  }
}
