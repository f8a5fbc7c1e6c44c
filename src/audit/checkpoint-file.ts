import { createReadStream } from 'node:fs';
import { appendFile, mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { BadCheckpoint, type Checkpoint, readCheckpoint } from './checkpoint.js';

const tailBytes = 4_096;

/** The file in the data directory that the checkpoints of this machine are appended to. */
export function checkpointPath(dataDir: string): string {
  return join(dataDir, 'audit-checkpoints.jsonl');
}

/** Appends a line in one write, so that processes that share the file do not mix theirs. */
export async function appendCheckpoint(path: string, line: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await appendFile(path, `${line}\n`, { mode: 0o600, flag: 'a' });
}

/**
 * The last checkpoint of the file; `undefined` where there is none.
 *
 * @throws BadCheckpoint when the last line cannot be believed
 */
export async function lastCheckpoint(path: string, key: Buffer): Promise<Checkpoint | undefined> {
  const line = await lastLine(path);
  return line === undefined ? undefined : readCheckpoint(key, line);
}

/**
 * Every checkpoint of a file, in its order.
 *
 * @throws BadCheckpoint with the number of the line that cannot be believed
 * @throws Error of the system when the file cannot be read
 */
export async function readCheckpoints(path: string, key: Buffer): Promise<Checkpoint[]> {
  const found: Checkpoint[] = [];
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    number += 1;
    if (line.trim() === '') continue;
    try {
      found.push(readCheckpoint(key, line));
    } catch (error) {
      throw error instanceof BadCheckpoint ? new BadCheckpoint(`line ${number} ${error.message}`) : error;
    }
  }
  return found;
}

async function lastLine(path: string): Promise<string | undefined> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    const { size } = await file.stat();
    const length = Math.min(size, tailBytes);
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString().trimEnd().split('\n').at(-1) || undefined;
  } finally {
    await file.close();
  }
}
