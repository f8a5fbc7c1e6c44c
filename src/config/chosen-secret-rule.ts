import { commonWords } from './common-words.js';
import type { Rule } from './rules.js';

/** Bits that are left to somebody who knows how people choose; 32 random hexadecimal digits always have more. */
const fewestBits = 72;

/** What a piece that somebody would guess is worth, in bits. */
const pieceBits = 5;

/** Shortest run along a keyboard, and shortest repetition, that is no accident. */
const shortestPiece = 4;

/** Letters of which a word is made even where digits and signs stand for some of them. */
const disguised: Readonly<Record<string, string>> = {
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  '@': 'a',
  $: 's',
  '!': 'i',
};
const shortestDisguised = 5;

const rows = [
  'abcdefghijklmnopqrstuvwxyz',
  '01234567890',
  '1234567890',
  '!@#$%^&*()',
  'qwertyuiop',
  'asdfghjkl',
  'zxcvbnm',
  'qwertzuiop',
  'yxcvbnm',
  'azertyuiop',
  'qsdfghjklm',
  'wxcvbn',
  '1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p',
  'qazwsxedcrfvtgbyhnujmikolp',
];
const runs = [...rows, ...rows.map((row) => Array.from(row).toReversed().join(''))];
const runPieces = new Set(runs.flatMap((run) => Array.from(run).map((_, at) => run.slice(at, at + shortestPiece))));
const words = new Set(commonWords);
const beginnings = new Set(commonWords.map((word) => word.slice(0, 3)));
const longestWord = Math.max(...commonWords.map((word) => word.length));

/**
 * A secret that somebody chose: long enough, and not made of what people choose – repetitions, runs along a keyboard, the
 * alphabet, numbers, common words.
 */
export const chosenSecretRule: Rule = (value) => {
  if (value.length < 32) return 'must have at least 32 characters';
  if (value.length > 256) return 'must have at most 256 characters';
  if (!/^[\x21-\x7e]+$/.test(value)) return 'must be printable ASCII without blanks';
  return isRegular(value) ? 'is too regular to be a secret; take the output of: openssl rand -hex 32' : undefined;
};

function isRegular(text: string): boolean {
  if (entropyBits(text) < fewestBits || isSequence(text)) return true;
  const characters = Array.from(text);
  const backwards = characters.toReversed().join('');
  const [even, odd] = [0, 1].map((rest) => characters.filter((_, index) => index % 2 === rest).join(''));
  return [text, backwards, `${even}${odd}`].some((spelling) => guessedBits(spelling) < fewestBits);
}

/** What remains when everything that can be guessed is taken out, and a little for each such piece. */
function guessedBits(text: string): number {
  const lower = text.toLowerCase();
  const plain = Array.from(lower)
    .map((character) => disguised[character] ?? character)
    .join('');
  let pieces = 0;
  let rest = '';
  for (let at = 0; at < text.length;) {
    const length = Math.max(wordAt(lower, plain, at), runAt(lower, at), repetitionAt(lower, at));
    if (length === 0) rest += lower.charAt(at);
    else pieces += 1;
    at += Math.max(1, length);
  }
  return entropyBits(rest) + pieces * pieceBits;
}

/** How many characters at `at` are a common word; 0: none. */
function wordAt(lower: string, plain: string, at: number): number {
  return Math.max(wordIn(lower, at, 1), wordIn(plain, at, shortestDisguised));
}

function wordIn(text: string, at: number, least: number): number {
  if (!beginnings.has(text.slice(at, at + 3))) return 0;
  for (let length = Math.min(longestWord, text.length - at); length >= least; length -= 1) {
    if (words.has(text.slice(at, at + length))) return length;
  }
  return 0;
}

/** How many characters at `at` follow each other on a keyboard, in the alphabet or in counting. */
function runAt(text: string, at: number): number {
  const piece = text.slice(at, at + shortestPiece);
  if (!runPieces.has(piece)) return 0;
  return Math.max(...runs.map((run) => (run.includes(piece) ? commonLength(run, run.indexOf(piece), text, at) : 0)));
}

/** How many characters at `at` are there already, further ahead. */
function repetitionAt(text: string, at: number): number {
  const piece = text.slice(at, at + shortestPiece);
  let longest = 0;
  for (let begin = text.indexOf(piece); begin < at; begin = text.indexOf(piece, begin + 1)) {
    longest = Math.max(longest, commonLength(text, begin, text, at));
  }
  return longest >= shortestPiece ? longest : 0;
}

function commonLength(one: string, from: number, other: string, at: number): number {
  let length = 0;
  while (at + length < other.length && one.charAt(from + length) === other.charAt(at + length)) length += 1;
  return length;
}

/** Shannon's estimate over the characters of the text. */
function entropyBits(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let perCharacter = 0;
  for (const count of counts.values()) perCharacter -= (count / text.length) * Math.log2(count / text.length);
  return perCharacter * text.length;
}

function isSequence(text: string): boolean {
  let steps = 0;
  for (let index = 1; index < text.length; index += 1) {
    if (Math.abs(text.charCodeAt(index) - text.charCodeAt(index - 1)) <= 1) steps += 1;
  }
  return steps > text.length * 0.75;
}
