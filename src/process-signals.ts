import { isatty } from 'node:tty';

/** Without a listener Node.js answers this signal by opening its inspector, and with it the memory of the process. */
export function ignoreInspector(): void {
  process.on('SIGUSR1', () => undefined);
}

/**
 * Ends this process in order at SIGTERM and SIGINT.
 *
 * @param limitMs milliseconds after which it ends in any case, with 1
 * @param stop what is to be done; resolves with the exit code
 * @returns does the same without a signal; `code`: to end with if all goes well
 */
export function onStop(limitMs: number, stop: () => Promise<number>): (code?: number) => void {
  let stopping = false;
  const end = (code = 0): void => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(1), limitMs).unref();
    stop().then(
      (result) => process.exit(result === 0 ? code : result),
      () => process.exit(1),
    );
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => end());
  return end;
}

/**
 * Runs `act` at SIGHUP; but when the terminal that this process was started from is gone, it ends at once, by the signal.
 */
export function onHangUp(act: () => void): void {
  const onTerminal = isatty(0);
  process.on('SIGHUP', () => {
    if (!onTerminal || isatty(0)) {
      act();
      return;
    }
    // Not `process.exit()`: Node.js aborts there, with a core dump, when it cannot put the terminal back in order.
    process.removeAllListeners('SIGHUP');
    process.kill(process.pid, 'SIGHUP');
  });
}

/** Writes lines for whoever has started the server, all at once. */
export function show(lines: readonly string[]): void {
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
}
