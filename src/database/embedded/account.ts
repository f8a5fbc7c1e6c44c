import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A user of the operating system. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Whether the account may read and execute (for a directory: list and enter) `path`, and enter every directory above it.
 * Judged by the mode bits; access control lists are not seen.
 */
export async function mayReach(account: Account, path: string): Promise<boolean> {
  try {
    if (!permits(await stat(path), account, 0o5)) return false;
    for (let parent = dirname(path); ; parent = dirname(parent)) {
      if (!permits(await stat(parent), account, 0o1)) return false;
      if (parent === dirname(parent)) return true;
    }
  } catch {
    return false;
  }
}

function permits(stats: Stats, account: Account, bits: number): boolean {
  const shift = stats.uid === account.uid ? 6 : stats.gid === account.gid ? 3 : 0;
  return ((stats.mode >> shift) & bits) === bits;
}
