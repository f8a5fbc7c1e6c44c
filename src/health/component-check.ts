/** Longest that an answer is waited for, in milliseconds; a component that takes longer counts as down. */
const limitMs = 2_000;

/**
 * Asks one component whether it works, one question at a time: while an answer is outstanding nobody asks again, so that
 * probes do not pile up on a component that hangs.
 */
export class ComponentCheck {
  private asking: Promise<boolean> | undefined;

  /** @param ask resolves or rejects with the component's state; whatever it throws means "down" and goes no further */
  constructor(
    private readonly ask: () => Promise<boolean>,
    private readonly waitMs = limitMs,
  ) {}

  /** Whether the component answered in time that it works. Never rejects. */
  async isUp(): Promise<boolean> {
    this.asking ??= this.question();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), this.waitMs);
    });
    try {
      return await Promise.race([this.asking, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  private async question(): Promise<boolean> {
    try {
      return await this.ask();
    } catch {
      return false;
    } finally {
      this.asking = undefined;
    }
  }
}
