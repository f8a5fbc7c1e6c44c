interface Reading {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly recorded: Promise<void>;
}

/** Milliseconds for which what is read again is still the same reading. */
const sameReadingMs = 600_000;

/**
 * The readings of the last ten minutes that have an entry already: pages that follow and repeated polls add none. At most
 * `capacity` of them, and the one that was used longest ago is forgotten first – it gets a second entry then, never none.
 */
export class RecentReadings {
  private readonly readings = new Map<string, Reading>();

  constructor(private readonly capacity: number) {}

  /**
   * Calls `record` unless it was called for the same `reading` within ten minutes; resolves once that is done. Those who ask
   * meanwhile wait for the same call.
   *
   * @param now milliseconds since the epoch
   * @throws what `record` throws; the next one tries again
   */
  async once(reading: string, now: number, record: () => Promise<void>): Promise<void> {
    const before = this.readings.get(reading);
    this.readings.delete(reading);
    const known = before !== undefined && isRecent(before, now) ? before : { at: now, recorded: record() };
    this.readings.set(reading, known);
    if (this.readings.size > this.capacity) this.forgetOldest();
    try {
      await known.recorded;
    } catch (error) {
      if (this.readings.get(reading) === known) this.readings.delete(reading);
      throw error;
    }
  }

  /** How many readings are kept. */
  get size(): number {
    return this.readings.size;
  }

  private forgetOldest(): void {
    const oldest = this.readings.keys().next();
    if (oldest.done !== true) this.readings.delete(oldest.value);
  }
}

/** A clock that was set back makes a reading a new one: better an entry too many. */
function isRecent({ at }: Reading, now: number): boolean {
  return now >= at && now - at < sameReadingMs;
}
