import { readFileSync } from 'node:fs';

/** A fenced block of a page. */
export interface Block {
  /** What stands behind the fence: `sh`, `sh no-run`, `json`, `text`, … */
  readonly info: string;
  readonly text: string;
  /** The line of the opening fence, from 1. */
  readonly line: number;
}

/** What a block of the page has printed. */
export interface Printed {
  readonly block: Block;
  readonly stdout: string;
}

/** Begins what a block prints. */
const marker = '\u001e';

/** The fenced blocks of a page, in their order. */
export function blocksOf(path: string): Block[] {
  const blocks: Block[] = [];
  let open: { info: string; line: number; lines: string[] } | undefined;
  for (const [index, text] of readFileSync(path, 'utf8').split('\n').entries()) {
    if (!text.startsWith('```')) open?.lines.push(text);
    else if (open === undefined) open = { info: text.slice(3).trim(), line: index + 1, lines: [] };
    else {
      blocks.push({ info: open.info, line: open.line, text: open.lines.join('\n') });
      open = undefined;
    }
  }
  if (open !== undefined) throw new Error(`${path}:${open.line}: the block does not end`);
  return blocks;
}

/**
 * One script for all blocks that are run, each of its lines where it stands in the page: so bash names the line.
 *
 * @param replace puts in what the page has examples for, such as ports
 */
export function scriptOf(blocks: readonly Block[], replace: (text: string) => string): string {
  const lines = [
    `set -eEuo pipefail; trap 'echo "signet-guide-line:$LINENO" >&2' ERR; begin() { printf '${marker}%s\\n' "$1"; }`,
  ];
  for (const { info, line, text } of blocks) {
    if (info !== 'sh') continue;
    while (lines.length < line - 1) lines.push('');
    lines.push(`begin ${line}`, ...replace(text).split('\n'));
  }
  return `${lines.join('\n')}\n`;
}

/** What each block has printed, of the standard output of the script. */
export function printedBy(blocks: readonly Block[], stdout: string): Printed[] {
  return stdout
    .split(marker)
    .slice(1)
    .flatMap((part) => {
      const end = part.indexOf('\n');
      const block = blocks.find(({ line }) => line === Number(part.slice(0, end)));
      return block === undefined ? [] : [{ block, stdout: part.slice(end + 1) }];
    });
}

/** Where the script failed, as far as its output tells: a line of the page. */
export function failedLine(stdout: string, stderr: string): number {
  const trapped = stderr.match(/(?<=^signet-guide-line:)\d+$/m)?.[0];
  return Number(trapped ?? stdout.split(marker).at(-1)?.split('\n', 1)[0] ?? 0);
}

/**
 * What differs between what the page shows after a block (`text` or `json`) and what the block has printed, as
 * `line: difference`.
 */
export function differences(blocks: readonly Block[], printed: readonly Printed[]): string[] {
  return blocks.flatMap((shown, index) => {
    if (shown.info !== 'text' && shown.info !== 'json') return [];
    const before = blocks[index - 1];
    const found = printed.find(({ block }) => block === before);
    if (found === undefined) return [`${shown.line}: shows what no block before it prints`];
    const fault = shown.info === 'json' ? jsonFault(shown.text, found.stdout) : textFault(shown.text, found.stdout);
    return fault === undefined ? [] : [`${shown.line}: ${fault}`];
  });
}

function jsonFault(expected: string, printed: string): string | undefined {
  try {
    return shapeFault(JSON.parse(expected), JSON.parse(printed), '');
  } catch {
    return `must be JSON: ${printed}`;
  }
}

/** The members that the page shows are there, with values of the same type; `null` stands for anything. */
function shapeFault(expected: unknown, actual: unknown, pointer: string): string | undefined {
  if (expected === null || actual === null) return undefined;
  if (typeof expected !== typeof actual || Array.isArray(expected) !== Array.isArray(actual)) {
    return `${pointer || '/'} is of another type: ${JSON.stringify(actual)}`;
  }
  if (typeof expected !== 'object') return undefined;
  for (const [name, value] of Object.entries(expected)) {
    const found = (actual as Record<string, unknown>)[name];
    if (found === undefined) return `${pointer}/${name} is not there: ${JSON.stringify(actual)}`;
    const fault = shapeFault(value, found, `${pointer}/${name}`);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/**
 * The same words in the same order. A word with a digit or `…` in it stands for any, unless it is a number of three digits: a
 * status; `…` alone stands for the rest of its line, and as a line for any lines.
 */
function textFault(expected: string, printed: string): string | undefined {
  const lines = expected.trim().split('\n').map(linePattern);
  const pattern = new RegExp(`^\\s*${lines.join('\\s*\\n')}\\s*$`);
  return pattern.test(printed.replaceAll('\r', '')) ? undefined : `is not what was printed: ${printed}`;
}

function linePattern(line: string): string {
  if (line.trim() === '…') return '[\\s\\S]*';
  const words = line.trim().split(/\s+/);
  return ` *${words.map(wordPattern).join('\\s+')}`;
}

function wordPattern(word: string): string {
  if (word === '…') return '.*';
  const isAny = (/\d/.test(word) && !/^\d{3}$/.test(word)) || word.includes('…');
  return isAny ? '\\S+' : word.replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}
