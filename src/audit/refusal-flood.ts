import type { AuditRefusal } from './audit-entry.js';

/** Different kinds of refusals that are told apart between two summaries; what comes on top is counted together. */
const maxKinds = 1_000;

/** Refusals that are alike: what they have in common, and how many there were. */
export interface CountedRefusals {
  readonly refusal: AuditRefusal;
  readonly count: number;
}

/**
 * Refusals that are counted instead of being written one by one, so that a flood fills neither the disk nor the log, and
 * nothing is left out (security.md U-11).
 */
export class RefusalFlood {
  private counted = new Map<string, CountedRefusals>();

  /** Counts a refusal, or `times` that are alike, under what it was about: action, error, client and address. */
  count({ action, error, actorClientId, origin }: AuditRefusal, times = 1): void {
    const ipAddress = origin?.ipAddress;
    const own = JSON.stringify([action, error, actorClientId, ipAddress]);
    const isKnown = this.counted.has(own) || this.counted.size < maxKinds;
    const key = isKnown ? own : JSON.stringify([action, error]);
    const alike: AuditRefusal = isKnown
      ? { action, error, actorClientId, origin: { ipAddress, userAgent: undefined, requestId: undefined } }
      : { action, error };
    this.counted.set(key, { refusal: alike, count: (this.counted.get(key)?.count ?? 0) + times });
  }

  /** What was counted since the last call. */
  drain(): CountedRefusals[] {
    const counted = [...this.counted.values()];
    this.counted = new Map();
    return counted;
  }
}
