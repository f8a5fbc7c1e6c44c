import { parseResource, resolveAudience } from './resource.js';

const ISSUER = 'https://signet.example';
const INVALID = expect.objectContaining({ code: 'invalid_target', status: 400 }) as Error;
const resolve = (asked: string[], audience: string[] = [], scope: string[] = []): string | string[] =>
  resolveAudience({ asked, client: { audience, scope }, issuer: ISSUER });

describe('RFC 8707 §2 resource indicators', () => {
  it.each([
    'https://api.a',
    'https://api.a/',
    'HTTPS://API.a:443/x?y=z',
    'http://[::1]:8080/x',
    'urn:example:api',
    'api:billing',
    'https://api.a/%7Ex',
    `https://api.a/${'x'.repeat(1010)}`,
  ])('takes %j unchanged', (value) => {
    expect(parseResource(value)).toBe(value);
  });

  it.each([
    ['nothing', ''],
    ['a relative reference', '/api'],
    ['a name', 'api'],
    ['a network-path reference', '//api.a'],
    ['a fragment', 'https://api.a#x'],
    ['an empty fragment', 'https://api.a#'],
    ['a scheme alone', 'https:'],
    ['no host', 'https://'],
    ['no host but a path', 'https:///x'],
    ['no slashes', 'https:api.a'],
    ['a scheme that begins with a digit', '1a:b'],
    ['a colon first', ':a'],
    ['a blank', 'https://api.a/ x'],
    ['a line break', 'https://api.a\nhttps://b'],
    ['NUL', 'https://api.a\0'],
    ['a quote', 'https://api.a/"'],
    ['a backslash', 'https:\\\\api.a'],
    ['non-ASCII', 'https://äpi.a'],
    ['a broken escape', 'https://api.a/%7'],
    ['a broken escape', 'https://api.a/%zz'],
    ['1,025 characters', `https://api.a/${'x'.repeat(1011)}`],
  ])('refuses %s', (_, value) => {
    expect(() => parseResource(value)).toThrow(INVALID);
  });
});

describe('RFC 9068 §3 the audience of a token', () => {
  it.each<[string, string | string[], string[], string[], string[]]>([
    ['nothing asked, no audience: the issuer', ISSUER, [], [], []],
    ['nothing asked: the audience of the client', 'https://api.a', [], ['https://api.a'], []],
    ['several: an array', ['https://api.a', 'https://api.b'], [], ['https://api.a', 'https://api.b'], []],
    ['one asked: a string', 'https://api.b', ['https://api.b'], ['https://api.a', 'https://api.b'], []],
    ['the order asked', ['b:2', 'a:1'], ['b:2', 'a:1'], ['a:1', 'b:2'], []],
    ['duplicates folded', 'a:1', ['a:1', 'a:1'], ['a:1'], []],
    ['duplicates folded', ['a:1', 'b:2'], ['a:1', 'b:2', 'a:1'], ['a:1', 'b:2'], []],
    ['the issuer for a client with an own scope', ISSUER, [ISSUER], ['a:1'], ['read:profile', 'events:publish']],
    ['the issuer beside another', [ISSUER, 'a:1'], [ISSUER, 'a:1'], ['a:1'], ['admin:full']],
  ])('%s', (_, expected, asked, audience, scope) => {
    expect(resolve(asked, audience, scope)).toEqual(expected);
  });

  it.each<[string, string[], string[], string[]]>([
    ['T-19: the issuer without an own scope', [ISSUER], [], ['read:profile', 'manage:*']],
    ['T-19: the issuer, though it stands in the audience', [ISSUER], [ISSUER], ['read:profile']],
    ['the issuer spelt otherwise', [`${ISSUER}/`], [], ['admin:full']],
    ['a foreign resource', ['https://api.b'], ['https://api.a'], ['admin:full']],
    ['another spelling', ['https://api.a/'], ['https://api.a'], []],
    ['one foreign among good ones', ['https://api.a', 'https://api.b'], ['https://api.a'], []],
    ['a malformed one', ['https://api.a#x'], ['https://api.a'], []],
    ['a malformed one, though it is stored', ['api'], ['api'], []],
  ])('refuses %s', (_, asked, audience, scope) => {
    expect(() => resolve(asked, audience, scope)).toThrow(INVALID);
  });

  it('hands out a list of its own', () => {
    const audience = ['a:1', 'b:2'];
    expect(resolve([], audience)).not.toBe(audience);
  });
});
