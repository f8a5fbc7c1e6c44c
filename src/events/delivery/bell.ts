/** Wakes one who waits; what is rung while nobody does is heard by the next. */
export class Bell {
  private rung = false;
  private listener: (() => void) | undefined;

  ring(): void {
    this.rung = true;
    this.listener?.();
  }

  /**
   * Resolves when it is rung, or was since the last time.
   *
   * @param withinMs longest wait in milliseconds
   */
  async heard(withinMs = Infinity): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    if (!this.rung) {
      await new Promise<void>((resolve) => {
        this.listener = resolve;
        if (withinMs !== Infinity) timer = setTimeout(resolve, withinMs);
      });
    }
    clearTimeout(timer);
    this.listener = undefined;
    this.rung = false;
  }
}
