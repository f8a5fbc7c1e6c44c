import type { Shell } from './session.js';

/** Milliseconds between two reports. */
const progressMs = 500;

/** How many things a long work has done, on one line of a terminal that is written over; nothing where nobody looks. */
export class Progress {
  private count = 0;
  private shownAt = 0;
  private isOpen = false;
  private readonly isWanted: boolean;

  /**
   * @param unit what is counted, such as `lines`
   * @param isJson whether the answer is for a program: then nothing is shown
   */
  constructor(
    private readonly terminal: Shell['stderr'],
    private readonly unit: string,
    isJson: boolean,
  ) {
    this.isWanted = terminal.isTTY === true && !isJson;
  }

  /** @param count how many there are by now */
  reached(count: number): void {
    this.count = count;
    if (this.isWanted && Date.now() - this.shownAt > progressMs) this.show();
  }

  /** Leaves the last count on the terminal. */
  done(): void {
    if (!this.isWanted) return;
    this.show();
    this.terminal.write('\n');
    this.isOpen = false;
  }

  /** Takes the line away again, so that another can be written. */
  clear(): void {
    if (this.isOpen) this.terminal.write('\r\u001b[K');
    this.isOpen = false;
  }

  private show(): void {
    this.shownAt = Date.now();
    this.isOpen = true;
    this.terminal.write(`\r${this.count} ${this.unit}`);
  }
}
