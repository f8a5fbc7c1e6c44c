/** Lets at most so many things happen at once; the others wait, first come first served. */
export class Turns {
  private readonly waiting: (() => void)[] = [];

  /** @param free how many may happen at once */
  constructor(private free: number) {}

  /** Does `work` when its turn comes. */
  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.free += 1;
      else next();
    }
  }
}
