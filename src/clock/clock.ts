/** Where the time comes from. Injected wherever a rule depends on it, so that tests can pass their own. */
export abstract class Clock {
  /** Milliseconds since the epoch. */
  abstract now(): number;
}

/** The clock of this machine. */
export class SystemClock extends Clock {
  now(): number {
    return Date.now();
  }
}

/** By how much the clock may differ from the one that it follows: less is no reason to set it. */
const toleratedMs = 250;

/**
 * Begins with the time of this machine, goes on by a clock that nobody sets, and follows another one: the database's. So all
 * processes go by the same time, and one whose machine is set wrong, or anew, goes on (security.md, threat 35).
 */
export class FollowingClock extends Clock {
  private origin = Date.now() - performance.now();

  now(): number {
    return Math.floor(this.origin + performance.now());
  }

  /**
   * @param reference what the other clock said, milliseconds since the epoch
   * @param begin when it was asked, and
   * @param end when it had answered, as `performance.now()` says it
   * @returns by how many milliseconds the clock was set; 0 where it was right
   */
  follow(reference: number, begin: number, end: number): number {
    const difference = reference - (this.origin + (begin + end) / 2);
    if (Math.abs(difference) <= toleratedMs + (end - begin) / 2) return 0;
    this.origin += difference;
    return difference;
  }
}
