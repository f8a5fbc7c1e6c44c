// What a bench starts and makes ends with it: on success, on an error, on Ctrl-C.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const endings = [];
let ended;

/** Notes what is to be undone at the end; the last one first. */
export function atEnd(undo) {
  endings.push(undo);
}

async function end() {
  while (endings.length > 0) await Promise.resolve(endings.pop()()).catch((error) => console.error(error.message));
}

/** A new directory that is removed at the end. */
export function temporaryDirectory(parent = tmpdir()) {
  const directory = mkdtempSync(join(parent, 'signet-bench-'));
  atEnd(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 }));
  return directory;
}

/** Runs a bench to its end and exits: with what `main` returns, 1 after an error, 128 + n after a signal. */
export async function run(main) {
  const finish = (code) => {
    ended ??= end().then(() => process.exit(code));
    return ended;
  };
  process.on('SIGINT', () => void finish(130));
  process.on('SIGTERM', () => void finish(143));
  process.on('SIGHUP', () => void finish(129));
  process.on('uncaughtException', (error) => {
    console.error(error);
    void finish(1);
  });
  try {
    await finish((await main()) ?? 0);
  } catch (error) {
    // After a signal everything fails, since everything has been stopped.
    if (ended === undefined) console.error(error);
    await finish(1);
  }
}
