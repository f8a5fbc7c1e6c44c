import { responseExcerpt } from './response-excerpt.js';

describe('the excerpt of a response', () => {
  it('is nothing for an empty body', () => {
    expect(responseExcerpt(new Uint8Array())).toBeNull();
  });

  it('is the text as it is', () => {
    expect(responseExcerpt(Buffer.from('{"error":"Grüße 🎉"}\r\n\tmore'))).toBe('{"error":"Grüße 🎉"}\n\tmore');
  });

  it.each([
    ['a NUL', 'a\u0000b', 'a\uFFFDb'],
    ['an escape sequence', '\u001B[31mred', '\uFFFD[31mred'],
    ['C1 controls', 'a\u009Bb', 'a\uFFFDb'],
    ['a lone carriage return', 'a\rb', 'a\uFFFDb'],
    ['text that runs the other way', 'a\u202Eb', 'a\uFFFDb'],
    ['what cannot be seen', 'a\u200Bb\uFEFF', 'a\uFFFDb\uFFFD'],
    ['line separators', 'a\u2028b', 'a\uFFFDb'],
  ])('neutralises %s', (_, sent, kept) => {
    expect(responseExcerpt(Buffer.from(sent))).toBe(kept);
  });

  it('does not hold the token that the receiver was sent and echoes', () => {
    const echo = '{"authorization":"Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJiaWxsaW5nIn0.c2lnbmF0dXJl"}';
    expect(responseExcerpt(Buffer.from(echo))).toBe('{"authorization":"Bearer [jwt]"}');
  });

  it('has at most 1 KiB, of whole characters', () => {
    expect(responseExcerpt(Buffer.alloc(5_000, 'a'))).toHaveLength(1_024);
    const junk = responseExcerpt(Buffer.alloc(1_024, 0xff)) ?? '';
    expect(Buffer.byteLength(junk)).toBeLessThanOrEqual(1_024);
    expect(junk).toBe('\uFFFD'.repeat(341));
    expect(responseExcerpt(Buffer.from(`a${'🎉'.repeat(300)}`))).toBe(`a${'🎉'.repeat(255)}`);
  });
});
