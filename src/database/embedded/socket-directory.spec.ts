import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { claimSocketDirectory, fitsSocket, makeSocketDirectory, socketUrl } from './socket-directory.js';

describe('socketUrl', () => {
  it('encodes the directory', () => {
    expect(socketUrl('/tmp/a b&c')).toBe('postgresql://postgres@/signet?host=%2Ftmp%2Fa%20b%26c');
  });
});

describe('fitsSocket', () => {
  it('counts bytes, not characters', () => {
    expect(fitsSocket(`/${'x'.repeat(88)}`)).toBe(true);
    expect(fitsSocket(`/${'x'.repeat(89)}`)).toBe(false);
    expect(fitsSocket(`/${'é'.repeat(50)}`)).toBe(false);
  });
});

describe('the directory of the socket', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'signet-socket-spec-'));
  });

  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('is the same for the same cluster, and closed to others', async () => {
    const first = await makeSocketDirectory(join(root, 'postgres'), undefined);
    const again = await makeSocketDirectory(join(root, 'postgres'), undefined);
    const other = await makeSocketDirectory(join(root, 'other'), undefined);
    expect(again).toBe(first);
    expect(other).not.toBe(first);
    expect(statSync(first).mode & 0o777).toBe(0o700);
    rmSync(other, { recursive: true });
    rmSync(first, { recursive: true });
  });

  it('is another where somebody else sits on the name', async () => {
    const taken = await makeSocketDirectory(join(root, 'postgres'), undefined);
    chmodSync(taken, 0o755);
    const drawn = await makeSocketDirectory(join(root, 'postgres'), undefined);
    expect(drawn).not.toBe(taken);
    expect(statSync(drawn).mode & 0o777).toBe(0o700);
    rmSync(taken, { recursive: true });
    rmSync(drawn, { recursive: true });
  });

  it('is not claimed when it is open to others, a file, or a link', async () => {
    mkdirSync(join(root, 'open'), { mode: 0o755 });
    writeFileSync(join(root, 'file'), '', { mode: 0o700 });
    mkdirSync(join(root, 'target'), { mode: 0o700 });
    symlinkSync(join(root, 'target'), join(root, 'link'));
    for (const name of ['open', 'file', 'link']) {
      expect(await claimSocketDirectory(join(root, name), undefined)).toBe(false);
    }
    expect(await claimSocketDirectory(join(root, 'target'), undefined)).toBe(true);
  });
});
