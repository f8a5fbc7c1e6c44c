import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Block, blocksOf, differences, failedLine, printedBy, scriptOf } from './guide.js';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'signet-guide-spec-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function page(...lines: readonly string[]): Block[] {
  const path = join(directory, 'page.md');
  writeFileSync(path, lines.join('\n'));
  return blocksOf(path);
}

/** What is wrong if a block prints `stdout` and the page shows `shown`. */
function wrong(info: string, shown: string, stdout: string): string[] {
  const blocks = page('```sh', 'x', '```', `\`\`\`${info}`, shown, '```');
  return differences(blocks, printedBy(blocks, `\u001e1\n${stdout}`));
}

describe('the blocks of a page', () => {
  it('are run at their lines, but for those that are only shown', () => {
    const blocks = page(
      '# x',
      '',
      '```sh',
      'one 3000',
      '```',
      '',
      '```sh no-run',
      'two',
      '```',
      '```sh',
      'three',
      '```',
    );
    expect(blocks.map(({ info, line }) => [info, line])).toEqual([
      ['sh', 3],
      ['sh no-run', 7],
      ['sh', 10],
    ]);
    const lines = scriptOf(blocks, (text) => text.replace('3000', '1')).split('\n');
    expect([lines[2], lines[3], lines[9], lines[10]]).toEqual(['begin 3', 'one 1', 'begin 10', 'three']);
    expect(lines).not.toContain('two');
  });

  it('must end', () => {
    expect(() => page('```sh', 'x')).toThrow('page.md:1');
  });

  it('tell where the script failed', () => {
    expect(failedLine('\u001e3\nx\u001e7\ny', 'bash: no\nsignet-guide-line:8\n')).toBe(8);
    expect(failedLine('\u001e3\nx\u001e7\ny', 'bash: no')).toBe(7);
  });
});

describe('what a page shows', () => {
  it.each([
    ['text', 'the same', 'the same\n'],
    ['text', 'name  at 2026-11-21', 'name      at 2027-01-01\n'],
    ['text', 'first\n…\nlast', 'first\na\nb\nlast\n'],
    ['text', '401 Bearer …', '401 Bearer error="x", and more\n'],
    ['json', '{"a": 1, "b": null}', '{"a": 2, "b": "x", "c": []}'],
    ['json', '[{"a": "x"}]', '[{"a": "y"}, {}]'],
  ])('%s %j is %j', (info, shown, stdout) => expect(wrong(info, shown, stdout)).toEqual([]));

  it.each([
    ['text', 'the same', 'another\n'],
    ['text', '401 Bearer', '403 Bearer\n'],
    ['text', 'one', 'one\ntwo\n'],
    ['json', '{"a": 1}', '{"b": 1}'],
    ['json', '{"a": 1}', '{"a": "1"}'],
    ['json', '[{"a": 1}]', '[]'],
    ['json', '{}', 'no JSON'],
  ])('%s %j is not %j', (info, shown, stdout) =>
    expect(wrong(info, shown, stdout)).toEqual([expect.stringMatching(/^4: /)]),
  );

  it('belongs to a block before it', () => {
    expect(differences(page('```json', '{}', '```'), [])).toEqual(['1: shows what no block before it prints']);
  });
});
