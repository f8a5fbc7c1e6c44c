import { PassThrough } from 'node:stream';
import { Progress } from './progress.js';

function shown(isTTY: boolean, isJson: boolean, work: (progress: Progress) => void): string {
  const terminal = Object.assign(new PassThrough(), { isTTY });
  work(new Progress(terminal, 'entries', isJson));
  return String(terminal.read() ?? '');
}

describe('progress', () => {
  it('is one line of a terminal, now and then, and stays or goes at the end', () => {
    const work = (end: 'done' | 'clear') => (progress: Progress) => {
      for (let count = 1; count <= 1_000; count += 1) progress.reached(count);
      progress[end]();
      progress.clear();
    };
    expect(shown(true, false, work('done'))).toMatch(/^\r1 entries(\r\d+ entries)*\r1000 entries\n$/);
    const taken = shown(true, false, work('clear'));
    expect([taken.startsWith('\r1 entries\r'), taken.endsWith(' entries\r\u001b[K')]).toEqual([true, true]);
  });

  it('is shown to people alone', () => {
    const work = (progress: Progress) => {
      progress.reached(1);
      progress.clear();
      progress.done();
    };
    expect(shown(false, false, work)).toBe('');
    expect(shown(true, true, work)).toBe('');
  });
});
