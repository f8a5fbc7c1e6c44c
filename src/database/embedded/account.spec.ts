import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { mayReach } from './account.js';

describe('mayReach', () => {
  const stranger = { uid: 2_000_000, gid: 2_000_000 };
  const ourselves = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'signet-reach-'));
    chmodSync(root, 0o755);
    mkdirSync(join(root, 'bin'));
    chmodSync(join(root, 'bin'), 0o755);
    writeFileSync(join(root, 'bin', 'program'), '');
    chmodSync(join(root, 'bin', 'program'), 0o755);
  });

  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('sees a way that is open', async () => {
    expect(await mayReach(stranger, join(root, 'bin', 'program'))).toBe(true);
  });

  it('sees a directory above that is closed to others, not to its owner', async () => {
    chmodSync(root, 0o700);
    expect(await mayReach(stranger, join(root, 'bin', 'program'))).toBe(false);
    expect(await mayReach(ourselves, join(root, 'bin', 'program'))).toBe(true);
  });

  it('sees a program that others may not run', async () => {
    chmodSync(join(root, 'bin', 'program'), 0o744);
    expect(await mayReach(stranger, join(root, 'bin', 'program'))).toBe(false);
  });

  it('sees that there is nothing', async () => {
    expect(await mayReach(stranger, join(root, 'bin', 'nothing'))).toBe(false);
  });
});
