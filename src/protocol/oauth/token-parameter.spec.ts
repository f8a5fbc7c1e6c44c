import { parseForm } from '../form.js';
import { readTokenParameter } from './token-parameter.js';

const form = (text: string) => parseForm(new TextEncoder().encode(text));

describe('RFC 7662 §2.1, RFC 7009 §2.1: the token of a request', () => {
  it.each(['token=abc', 'token=abc&token_type_hint=foo', 'foo=1&token=abc'])('is read from %s', (text) => {
    expect(readTokenParameter(form(text))).toBe('abc');
  });

  it.each([
    ['is missing', 'token_type_hint=access_token'],
    ['is empty', 'token='],
    ['is repeated', 'token=abc&token=abc'],
    ['comes with one twice that nobody knows', 'foo=1&foo=2&token=abc'],
    ['has two hints', 'token=abc&token_type_hint=a&token_type_hint=b'],
  ])('is refused if it %s', (_, text) => {
    expect(() => readTokenParameter(form(text))).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  });
});
