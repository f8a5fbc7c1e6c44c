import { statfsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Rule } from './rules.js';

/** File systems of Linux that are windows into the kernel, by their magic numbers: /proc and /sys. */
const kernelFileSystems: readonly number[] = [0x9fa0, 0x62656572];

/** A directory, or a place where one can be made: nothing on the way there is anything else. */
export const dataDirectoryRule: Rule = (path) => {
  for (let place = resolve(path); ; place = dirname(place)) {
    try {
      const stats = statSync(place, { throwIfNoEntry: false });
      if (stats?.isDirectory() === false) return 'must be a directory, and is a file or below one';
      if (stats !== undefined) {
        return kernelFileSystems.includes(statfsSync(place).type) ? 'must lie on a disk' : undefined;
      }
      if (place === dirname(place)) return undefined;
    } catch (error) {
      const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
      if (code === 'ENAMETOOLONG' || code === 'ELOOP') return `must be a directory (${code})`;
      // Below a file, which is found on the way up; or where this user may not look, which who writes there will say.
      if (code !== 'ENOTDIR') return undefined;
    }
  }
};
