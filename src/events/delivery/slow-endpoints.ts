/** An endpoint that takes longer than this on average is slow, in milliseconds. */
const slowMs = 1_000;

/** The share of the newest attempt in the average. */
const weight = 0.3;

/** Subscriptions that are remembered; the one that was heard of longest ago leaves first. */
const capacity = 10_000;

/** How quickly the endpoints have answered of late: what is known to be slow must not hold every place in which to work. */
export class SlowEndpoints {
  private readonly averages = new Map<string, number>();

  attempted(subscriptionId: string, durationMs: number): void {
    const before = this.averages.get(subscriptionId) ?? durationMs;
    this.averages.delete(subscriptionId);
    this.averages.set(subscriptionId, before + weight * (durationMs - before));
    if (this.averages.size <= capacity) return;
    const oldest = this.averages.keys().next();
    if (oldest.done !== true) this.averages.delete(oldest.value);
  }

  isSlow(subscriptionId: string): boolean {
    return (this.averages.get(subscriptionId) ?? 0) > slowMs;
  }
}
