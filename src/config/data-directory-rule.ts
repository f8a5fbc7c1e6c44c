import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { Rule } from './rules.js';

/** A directory, or a place where one can be made: nothing on the way there is anything else. */
export const dataDirectoryRule: Rule = (path) => {
  for (let place = resolve(path); ; place = dirname(place)) {
    try {
      const stats = statSync(place, { throwIfNoEntry: false });
      if (stats !== undefined)
        return stats.isDirectory() ? undefined : 'must be a directory, and is a file or below one';
      if (place === dirname(place)) return undefined;
    } catch (error) {
      const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
      if (code === 'ENAMETOOLONG' || code === 'ELOOP') return `must be a directory (${code})`;
      // Below a file, which is found on the way up; or where this user may not look, which who writes there will say.
      if (code !== 'ENOTDIR') return undefined;
    }
  }
};
