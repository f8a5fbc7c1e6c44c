import { withoutSecrets } from '../../protocol/index.js';

/** Bytes of a response that are kept, in UTF-8. */
export const excerptBytes = 1_024;

/** C0, DEL and C1 but for tab and line feed; what reorders or hides text (Unicode TR 36 §2); lone surrogates cannot come from UTF-8. */
const unprintable = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu;

/**
 * The beginning of a response as it may be stored and shown: text of 1 KiB at most, in which whatever is no character, or acts on
 * a terminal or a reader instead of being read, is U+FFFD. A token that the receiver echoes is not kept. `null` when there is
 * nothing.
 */
export function responseExcerpt(body: Uint8Array): string | null {
  if (body.length === 0) return null;
  const text = new TextDecoder('utf-8')
    .decode(body)
    .replaceAll('\r\n', '\n')
    .replaceAll(unprintable, (character) => (character === '\n' || character === '\t' ? character : '\u{FFFD}'));
  return cut(withoutSecrets(text));
}

function cut(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= excerptBytes) return text;
  let end = excerptBytes;
  // Not within a character: bytes 10xxxxxx go on with one.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end).toString();
}
