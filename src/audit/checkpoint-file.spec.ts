import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BadCheckpoint, type Checkpoint, signCheckpoint } from './checkpoint.js';
import { appendCheckpoint, checkpointPath, lastCheckpoint, readCheckpoints } from './checkpoint-file.js';

const key = Buffer.alloc(32, 1);
let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'signet-checkpoints-'));
  path = checkpointPath(join(directory, 'data'));
});

afterEach(() => rmSync(directory, { recursive: true }));

function checkpoint(seq: number): Checkpoint {
  return { v: 1, seq, mac: 'ab'.repeat(32), entries: seq, at: '2026-03-01T09:30:00.000Z' };
}

const append = (seq: number) => appendCheckpoint(path, signCheckpoint(key, checkpoint(seq)));

describe('a file of checkpoints', () => {
  it('is there for its owner from the first on, and tells them in their order', async () => {
    expect(await lastCheckpoint(path, key)).toBeUndefined();
    await append(1);
    await append(2);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(3);
    expect(await lastCheckpoint(path, key)).toEqual(checkpoint(2));
    expect(await readCheckpoints(path, key)).toEqual({ checkpoints: [checkpoint(1), checkpoint(2)], torn: [] });
  });

  it.each([
    ['a part of a line', '{"v":1,"seq":9'],
    ['zeros of a block that was never written', '\0'.repeat(4_096)],
    ['a part, which another was appended to', `{"v":1,${signCheckpoint(key, checkpoint(9))}\n`],
  ])('loses no other than the torn one to %s', async (_, torn) => {
    await append(1);
    appendFileSync(path, torn);
    expect(await lastCheckpoint(path, key)).toEqual(checkpoint(1));
    await append(2);
    expect(await lastCheckpoint(path, key)).toEqual(checkpoint(2));
    await append(3);
    expect(await readCheckpoints(path, key)).toEqual({ checkpoints: [1, 2, 3].map(checkpoint), torn: [2] });
  });

  it('keeps one that lacks nothing but the end of its line', async () => {
    await append(1);
    appendFileSync(path, signCheckpoint(key, checkpoint(2)));
    await append(3);
    expect(await readCheckpoints(path, key)).toEqual({ checkpoints: [1, 2, 3].map(checkpoint), torn: [] });
  });

  it.each([
    ['of another key', signCheckpoint(Buffer.alloc(32, 2), checkpoint(2))],
    ['of no checkpoint', '{}'],
    ['of nothing', 'null'],
  ])('is not believed with a line %s', async (_, line) => {
    await append(1);
    await appendCheckpoint(path, line);
    appendFileSync(path, 'torn');
    await expect(lastCheckpoint(path, key)).rejects.toThrow(BadCheckpoint);
    await expect(readCheckpoints(path, key)).rejects.toThrow(/^line 2 was not signed|^line 2 is not a checkpoint/);
  });

  it('may be empty', async () => {
    await append(1);
    writeFileSync(path, '');
    expect(await lastCheckpoint(path, key)).toBeUndefined();
    expect(await readCheckpoints(path, key)).toEqual({ checkpoints: [], torn: [] });
  });
});
