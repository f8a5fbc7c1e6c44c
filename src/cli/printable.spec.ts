import { printable, printableJson } from './printable.js';

describe('text of strangers', () => {
  it.each([
    ['a colour', '\u001b[31mred', String.raw`\u001b[31mred`],
    ['a new line', 'a\nb\r', String.raw`a\u000ab\u000d`],
    ['C1 controls', '\u009b2J', String.raw`\u009b2J`],
    ['another direction', 'abc\u202egpj', String.raw`abc\u202egpj`],
    ['a tag beyond the basic plane', '\u{e0041}', String.raw`\u{e0041}`],
  ])('loses %s', (_, text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  it('keeps what people write', () => {
    expect(printable('Füße – 日本語 👍')).toBe('Füße – 日本語 👍');
  });

  it('stays JSON of the same value', () => {
    const value = { name: 'a\u001b[2J\u009b\u202e\u2028b' };
    const text = printableJson(value);
    expect(JSON.parse(text)).toEqual(value);
    expect(text).toMatch(/^[\n\u0020-\u007e]*$/);
  });
});
