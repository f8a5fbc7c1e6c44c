/** A worker that has answered for this long, in milliseconds, works; one that ends before has died a quick death. */
export const stableAfterMs = 10_000;

/** So many quick deaths in a row, while no other worker works, are a crash loop. */
export const quickDeathLimit = 5;

const firstPauseMs = 500;
const longestPauseMs = 30_000;

/** How a worker's life went. */
export interface Life {
  /** Milliseconds for which it has answered; `undefined`: it never did. */
  readonly answeredMs: number | undefined;
  /** Whether another worker has been answering for {@link stableAfterMs}. */
  readonly othersWork: boolean;
}

/** Decides when a worker that has died is replaced. */
export class RestartPolicy {
  private quickDeaths = 0;

  /**
   * To be asked at each death that nobody had ordered.
   *
   * @returns milliseconds to wait before the replacement; `undefined`: give up, it is a crash loop
   */
  pauseAfter({ answeredMs, othersWork }: Life): number | undefined {
    if (answeredMs !== undefined && answeredMs >= stableAfterMs) {
      this.quickDeaths = 0;
      return 0;
    }
    this.quickDeaths += 1;
    if (this.quickDeaths >= quickDeathLimit && !othersWork) return undefined;
    return Math.min(longestPauseMs, firstPauseMs * 2 ** (this.quickDeaths - 1));
  }
}
