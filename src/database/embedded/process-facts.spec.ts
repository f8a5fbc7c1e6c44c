import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { hasArgument, hasProcess, parseProcStat, parsePs, readProcess } from './process-facts.js';

describe('parseProcStat', () => {
  it('reads the parent past a name with spaces and parentheses', () => {
    expect(parseProcStat('12 (a) b (c) S 34 12 12 0 -1', 'a\0-D\0/x y\0')).toEqual({
      parent: 34,
      commandLine: 'a -D /x y',
    });
  });

  it('takes a zombie for no process', () => {
    expect(parseProcStat('12 (postgres) Z 1 12 12 0 -1', '')).toBeUndefined();
  });
});

describe('parsePs', () => {
  it('reads parent and command line', () => {
    expect(parsePs('  34 S+   /bin/postgres -D /x y\n')).toEqual({ parent: 34, commandLine: '/bin/postgres -D /x y' });
  });

  it.each(['', '  34 Z    (postgres)\n'])('takes %j for no process', (line) => {
    expect(parsePs(line)).toBeUndefined();
  });
});

describe('hasArgument', () => {
  it.each([
    ['/data/a', true],
    ['/data', false],
    ['/data/ab', false],
  ])('tells %s from one that begins like it', (directory, expected) => {
    expect(hasArgument({ parent: 1, commandLine: 'postgres -c dir=/data/a -c x=1' }, `dir=${directory}`)).toBe(
      expected,
    );
  });
});

describe('readProcess', () => {
  it('knows a living process and its parent, and none that has ended', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()', 'mark'], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    await once(child, 'spawn');
    const pid = child.pid ?? 0;
    const facts = await readProcess(pid);
    expect(facts?.parent).toBe(process.pid);
    expect(facts && hasArgument(facts, 'mark')).toBe(true);
    expect(hasProcess(pid)).toBe(true);
    child.stdin?.end();
    await once(child, 'exit');
    expect(await readProcess(pid)).toBeUndefined();
    expect(hasProcess(pid)).toBe(false);
  });
});
