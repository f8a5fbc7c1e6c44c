import { normalizedHttpUri } from './http-uri.js';

describe('RFC 3986 §6.2 http and https URIs', () => {
  it.each([
    ['https://a.example', 'https://a.example/'],
    ['HTTP://A.Example:080/', 'http://a.example/'],
    ['https://a.example:80/', 'https://a.example:80/'],
    ['http://[::1]:3000/x', 'http://[::1]:3000/x'],
    ['http://[2001:DB8::A]/', 'http://[2001:db8::a]/'],
    ['https://a.example/%7euser/%41%2f%c3%a4', 'https://a.example/~user/A%2F%C3%A4'],
    ["https://a.example/!$&'()*+,;=:@-._~", "https://a.example/!$&'()*+,;=:@-._~"],
    ['https://a.example/Path?q#f', 'https://a.example/Path'],
    ['https://a.example?q', 'https://a.example/'],
    ['https://a.example/a/../b', 'https://a.example/a/../b'],
  ])('%s is %s', (uri, normalized) => {
    expect(normalizedHttpUri(uri)).toBe(normalized);
  });

  it.each([
    '',
    'https:',
    'https://',
    'https:///x',
    'ftp://a.example/',
    'https://u:p@a.example/',
    'https://a.example:x/',
    'https://a.example:123456/',
    'https://a.example/ä',
    'https://ä.example/',
    'https://a.example/a b',
    'https://a.example/"',
    'https://a.example\\b',
    'https://[::1',
    `https://a.example/${'a'.repeat(4_096)}`,
  ])('%p is none', (uri) => {
    expect(normalizedHttpUri(uri)).toBeUndefined();
  });
});
