import { hash } from 'node:crypto';
import { badRequest, canonicalJsonText, checkStrictJson, payloadTooLarge } from '../protocol/index.js';

/** A state as it is kept. */
export interface StateContent {
  /** The JSON object as it was sent. */
  readonly text: string;
  /** SHA-256 of its canonical form, in hexadecimal: equal for equal content. */
  readonly digest: string;
}

/** Most bytes of a state as it is sent. */
const maxStateBytes = 256 * 1024;

/** Anything of that size, but no deeper than what every parser of JSON takes. */
const limits = { maxDepth: 64, maxValues: maxStateBytes } as const;

/**
 * Reads a state: one JSON object, checked as strictly as every body, and kept as it was written.
 *
 * @param bytes the body
 * @throws Problem 400, 413
 * @throws JsonFault
 */
export function readStateContent(bytes: Buffer): StateContent {
  if (bytes.length > maxStateBytes) throw payloadTooLarge(`the state is over ${maxStateBytes} bytes`);
  if (bytes.length === 0) throw badRequest([{ pointer: '', detail: 'a JSON object is required' }]);
  const text = checkStrictJson(bytes, limits).trim();
  if (!text.startsWith('{')) throw badRequest([{ pointer: '', detail: 'must be a JSON object' }]);
  return { text, digest: hash('sha256', canonicalJsonText(text), 'hex') };
}
