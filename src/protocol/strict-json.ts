import { JsonScanner } from './json-scanner.js';
import { JsonFault } from './json-fault.js';

export { JsonFault } from './json-fault.js';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Parses a JSON text (RFC 8259) more strictly than the platform does (security.md D9, RFC 7493): UTF-8 without a BOM, no
 * member twice, no `__proto__`, `constructor` or `prototype` member however it is escaped, no number out of range, no
 * lone surrogate and no NUL in a string, at most 32 levels and 10,000 values. The caller caps the size.
 *
 * @throws JsonFault with a JSON Pointer to the first fault
 */
export function parseStrictJson(bytes: Uint8Array): unknown {
  const value: unknown = JSON.parse(checkStrictJson(bytes));
  return value;
}

/**
 * Checks a JSON text as {@link parseStrictJson} does, for whoever keeps it as it was written.
 *
 * @param limits `maxDepth` instead of 32 levels, `maxValues` instead of 10,000
 * @returns the text
 * @throws JsonFault
 */
export function checkStrictJson(
  bytes: Uint8Array,
  limits: { readonly maxDepth?: number; readonly maxValues?: number } = {},
): string {
  const text = decode(bytes);
  new JsonScanner(text, limits).check();
  return text;
}

/** A parsed JSON text, and the text of its parts as they were written. */
export interface JsonText {
  readonly value: unknown;
  /** The text of the value at a JSON Pointer, without blanks around it; `undefined` where there is none, or too deep. */
  textAt(pointer: string): string | undefined;
}

/**
 * As {@link parseStrictJson}, for whoever hands parts of the text on: no number loses a digit.
 *
 * @param options `depth`: how deep the values lie whose text is kept, 0 the whole; `maxValues` instead of 10,000
 * @throws JsonFault
 */
export function readStrictJson(
  bytes: Uint8Array,
  options: { readonly depth: number; readonly maxValues: number },
): JsonText {
  const text = decode(bytes);
  const places = new Map<string, readonly [number, number]>();
  const found = (pointer: string, start: number, end: number) => void places.set(pointer, [start, end]);
  new JsonScanner(text, { maxValues: options.maxValues, values: { depth: options.depth, found } }).check();
  const value: unknown = JSON.parse(text);
  const textAt = (pointer: string) => {
    const place = places.get(pointer);
    return place === undefined ? undefined : text.slice(...place);
  };
  return { value, textAt };
}

function decode(bytes: Uint8Array): string {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new JsonFault('', 'the body is not valid UTF-8');
  }
  if (text.startsWith('\uFEFF')) throw new JsonFault('', 'the body must not begin with a byte order mark');
  return text;
}
