import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { BadCheckpoint, type Checkpoint, readCheckpoint, TornCheckpoint } from './checkpoint.js';

/** More than what a write that was cut short leaves behind, and the line before it. */
const tailBytes = 16_384;
const lineFeed = 10;

/** What a file of checkpoints holds. */
export interface CheckpointsFound {
  /** In the order of the file. */
  readonly checkpoints: readonly Checkpoint[];
  /** The numbers of the lines that were passed over, as what a full disk or a loss of power has left; from 1. */
  readonly torn: readonly number[];
}

/** The file in the data directory that the checkpoints of this machine are appended to. */
export function checkpointPath(dataDir: string): string {
  return join(dataDir, 'audit-checkpoints.jsonl');
}

/**
 * Appends a line in one write, so that processes that share the file do not mix theirs; on a line of its own also where the one
 * before was torn.
 */
export async function appendCheckpoint(path: string, line: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, 'a+', 0o600);
  try {
    await file.appendFile(`${(await endsWithinLine(file)) ? '\n' : ''}${line}\n`);
  } finally {
    await file.close();
  }
}

/**
 * The last checkpoint of the file, behind which there may be torn lines; `undefined` where there is none.
 *
 * @throws BadCheckpoint when it cannot be believed
 */
export async function lastCheckpoint(path: string, key: Buffer): Promise<Checkpoint | undefined> {
  for (const line of (await lastLines(path)).toReversed()) {
    const found = line.trim() === '' ? undefined : untorn(key, line);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Every checkpoint of a file.
 *
 * @throws BadCheckpoint with the number of the line that cannot be believed
 * @throws Error of the system when the file cannot be read
 */
export async function readCheckpoints(path: string, key: Buffer): Promise<CheckpointsFound> {
  const checkpoints: Checkpoint[] = [];
  const torn: number[] = [];
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    number += 1;
    if (line.trim() === '') continue;
    try {
      const found = untorn(key, line);
      if (found === undefined) torn.push(number);
      else checkpoints.push(found);
    } catch (error) {
      throw error instanceof BadCheckpoint ? new BadCheckpoint(`line ${number} ${error.message}`) : error;
    }
  }
  return { checkpoints, torn };
}

function untorn(key: Buffer, line: string): Checkpoint | undefined {
  try {
    return readCheckpoint(key, line);
  } catch (error) {
    if (error instanceof TornCheckpoint) return undefined;
    throw error;
  }
}

async function endsWithinLine(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return false;
  const { bytesRead, buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return bytesRead === 1 && buffer[0] !== lineFeed;
}

/** The first of them may be the end of a longer one. */
async function lastLines(path: string): Promise<string[]> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return [];
  try {
    const { size } = await file.stat();
    const length = Math.min(size, tailBytes);
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString().split('\n');
  } finally {
    await file.close();
  }
}
