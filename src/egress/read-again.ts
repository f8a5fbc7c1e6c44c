import { readFileSync, statSync } from 'node:fs';

/**
 * What a small file of the system says, read again when it has changed.
 *
 * @param parse gets an empty text when the file is not there
 */
export function readAgain<T>(path: string, parse: (text: string) => T): () => T {
  let version: string | undefined;
  let content = parse('');
  return () => {
    // Without a wait, and so without the thread pool. A change tells itself by the size or the time.
    const stats = statSync(path, { throwIfNoEntry: false });
    const now = stats === undefined ? 'none' : `${stats.ino}/${stats.size}/${stats.mtimeMs}`;
    if (now !== version) content = parse(stats === undefined ? '' : readFileSync(path, 'utf8'));
    version = now;
    return content;
  };
}
