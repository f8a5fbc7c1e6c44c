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
  const text = decode(bytes);
  new JsonScanner(text).check();
  const value: unknown = JSON.parse(text);
  return value;
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
