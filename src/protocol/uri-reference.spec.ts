import { isUri, isUriReference } from './uri-reference.js';

describe('RFC 3986 URI references', () => {
  it.each([
    'https://example.com/a/b?c=d#e',
    'https://user:secret@example.com:8443/',
    'http://[2001:db8::7]/c=GB?objectClass?one',
    'mailto:John.Doe@example.com',
    'urn:example:animal:ferret:nose',
    'tel:+1-816-555-1212',
    'a:',
    'http://',
  ])('%s is a URI', (text) => {
    expect([isUri(text), isUriReference(text)]).toEqual([true, true]);
  });

  it.each([
    '',
    'billing',
    'billing/invoices',
    '/a/b',
    '//host/path',
    './a:b',
    'a/b:c',
    '?q',
    '#f',
    'a%20b',
    '../x',
    '1-2.3_4',
  ])('%p is a relative reference', (text) => {
    expect([isUri(text), isUriReference(text)]).toEqual([false, true]);
  });

  it.each([
    'a b',
    ' a',
    'a\n',
    '1a:b',
    ':a',
    'a%2',
    'a%zz',
    'é',
    'a"b',
    '<a>',
    'a\\b',
    'a^b',
    'a`b',
    '{a}',
    'a|b',
    'a#b#c',
    'http://[::1',
    'http://a b/',
    'http://host:port/',
    'http://ho[st]/',
    'a\u0000b',
  ])('%p is neither', (text) => {
    expect([isUri(text), isUriReference(text)]).toEqual([false, false]);
  });

  it('L-07: reads long ones in one pass', () => {
    const size = 1_000_000;
    for (const part of ['a', '%41', '/', ':', 'a:', '@', '//', '[', '?', '#', '+.', 'a@', '1']) {
      for (const end of ['', ' ', '%', '"']) isUriReference(part.repeat(size / part.length) + end);
    }
    expect(isUriReference(`${'a'.repeat(size)} `)).toBe(false);
  });
});
