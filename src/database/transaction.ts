import type { DataSource, EntityManager } from 'typeorm';
import { traced, untraced } from '../measurements/index.js';
import { answerWithinMs } from './answer-time.js';
import { asDatabaseError, DatabaseUnavailable } from './database-unavailable.js';

/** For work that nobody waits for. */
export const unhurried = { withinMs: Infinity } as const;

type Step = () => Promise<void>;

const lastSteps = new WeakMap<EntityManager, Step[]>();

const afterwards = new WeakMap<EntityManager, (() => void)[]>();

/**
 * Has `step` run when the work of the transaction `tx` is done, right before it commits: for what takes a lock that everybody
 * wants. When it fails, nothing is committed.
 *
 * @throws Error when `tx` was not begun by {@link inTransaction}: a fault of the program
 */
export function beforeCommit(tx: EntityManager, step: Step): void {
  const steps = lastSteps.get(tx);
  if (steps === undefined) throw new Error('the transaction was not begun by inTransaction, or is over');
  steps.push(step);
}

/**
 * Has `hint` run once the transaction `tx` is committed, and not at all when it is not: for what makes somebody else look sooner
 * than he would. It may be lost with the process, so nothing may rest on it.
 *
 * @throws Error when `tx` was not begun by {@link inTransaction}: a fault of the program
 */
export function afterCommit(tx: EntityManager, hint: () => void): void {
  const hints = afterwards.get(tx);
  if (hints === undefined) throw new Error('the transaction was not begun by inTransaction, or is over');
  hints.push(hint);
}

/**
 * Runs a use case in one transaction: everything `work` does through its `EntityManager` is committed together or not at all.
 *
 * @param withinMs a database that has not done the work by then counts as away, and nothing is committed; only when it goes
 *   silent while it commits, it is not known whether it did
 * @throws DatabaseUnavailable when the database cannot take it
 */
export async function inTransaction<T>(
  dataSource: DataSource,
  work: (tx: EntityManager) => Promise<T>,
  { withinMs = answerWithinMs }: { readonly withinMs?: number } = {},
): Promise<T> {
  try {
    const hints: (() => void)[] = [];
    const deadline = performance.now() + withinMs;
    const begun = () =>
      dataSource.transaction('READ COMMITTED', async (tx) => {
        afterwards.set(tx, hints);
        const result = await withLastSteps(tx, work);
        // Whoever asked was told that it was not done: a database that wakes up must not do it then.
        if (performance.now() >= deadline) throw new DatabaseUnavailable(new Error('the database answered too late'));
        return result;
      });
    const committed = traced('transaction', begun).then((result) => {
      for (const hint of hints) untraced(hint);
      return result;
    });
    return await (withinMs === Infinity ? committed : inTime(committed, withinMs));
  } catch (error) {
    throw asDatabaseError(error);
  }
}

async function withLastSteps<T>(tx: EntityManager, work: (tx: EntityManager) => Promise<T>): Promise<T> {
  const steps: Step[] = [];
  lastSteps.set(tx, steps);
  try {
    const result = await work(tx);
    for (const step of steps) await step();
    return result;
  } finally {
    lastSteps.delete(tx);
  }
}

/** A connection that hangs without being closed would hold its caller until somebody notices. */
async function inTime<T>(committed: Promise<T>, withinMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DatabaseUnavailable(new Error('the database did not answer'))), withinMs);
  });
  try {
    return await Promise.race([committed, late]);
  } finally {
    clearTimeout(timer);
  }
}
