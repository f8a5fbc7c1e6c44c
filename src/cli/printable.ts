/** What moves the cursor, colours, or turns the direction of a terminal. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/**
 * Text of somebody else, fit for a terminal: names and user agents are chosen by strangers, and a terminal takes orders from
 * control characters. Each becomes its `\u` escape.
 */
export function printable(text: string): string {
  return text.replaceAll(unprintable, (character) => `\\u${escapeOf(character)}`);
}

/** JSON as text, indented, with nothing in it that a terminal would obey. */
export function printableJson(value: unknown): string {
  const text = JSON.stringify(value, null, 2);
  // Below U+0080 JSON escapes by itself what a string may hold; line feeds outside of strings are ours.
  return text.replaceAll(
    /[\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${escapeOf(character)}`,
  );
}

function escapeOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return code > 0xffff ? `{${code.toString(16)}}` : code.toString(16).padStart(4, '0');
}
