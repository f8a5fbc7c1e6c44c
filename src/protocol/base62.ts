const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Whether every character of `text` is one of base62: digits, upper case, lower case. */
export function isBase62(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    const known = (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a);
    if (!known) return false;
  }
  return true;
}

/**
 * `bytes` as one big-endian number in base62, padded with `0` to `width` characters.
 *
 * @throws RangeError if it does not fit
 */
export function encodeBase62(bytes: Uint8Array, width: number): string {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  let text = '';
  for (; value > 0n; value /= 62n) text = ALPHABET.charAt(Number(value % 62n)) + text;
  if (text.length > width) throw new RangeError('the number does not fit');
  return text.padStart(width, '0');
}

/** An unsigned 32-bit number in base62, always 6 characters. */
export function encodeBase62Word(word: number): string {
  let text = '';
  for (let i = 0, rest = word; i < 6; i++, rest = Math.floor(rest / 62)) text = ALPHABET.charAt(rest % 62) + text;
  return text;
}
