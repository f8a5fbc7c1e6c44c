import { Injectable } from '@nestjs/common';

/**
 * Says in this process that events were committed, so that they are routed at once and not at the next look. A hint: nothing is
 * lost with it.
 */
@Injectable()
export class OutboxSignal {
  private readonly listeners = new Set<() => void>();

  /** Calls every listener, synchronously. */
  raise(): void {
    for (const listener of this.listeners) listener();
  }

  /** @returns what ends the listening */
  onRaised(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
