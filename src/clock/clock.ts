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
