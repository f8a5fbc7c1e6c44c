import { createContext, Script } from 'node:vm';

const holder: { work: () => void } = { work: () => undefined };
const context = createContext(holder);
const script = new Script('work()');

/**
 * Does `work`, and ends it when it takes too long: what V8 runs in a context can be interrupted, within a regular expression too.
 * Whoever writes the work must not care how far it got.
 *
 * @param timeoutMs of the clock on the wall, at least 1
 * @returns whether it was done in time; what `work` throws is thrown
 */
export function doneWithin(timeoutMs: number, work: () => void): boolean {
  holder.work = work;
  try {
    script.runInContext(context, { timeout: timeoutMs });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return false;
    throw error;
  } finally {
    holder.work = () => undefined;
  }
}
