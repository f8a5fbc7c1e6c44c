import {
  authorityCovers,
  formatScope,
  grantsApi,
  isOwnScope,
  isPrivileged,
  isRegistrableScopeName,
  isScopeToken,
  parseScope,
  resolveScope,
  scopeCovers,
} from './scope.js';

const INVALID = expect.objectContaining({ code: 'invalid_scope', status: 400 }) as Error;
const REGISTERED = new Set([
  'admin:oauth',
  'admin:users',
  'admin:full',
  'oauth:introspect',
  'read:profile',
  'read:features',
  'manage:*',
  'manage:billing',
  'events:publish',
]);
const resolve = (allowed: string[], asked?: string): string[] =>
  resolveScope({ asked, allowed, isRegistered: (name) => REGISTERED.has(name) });

describe('RFC 6749 §3.3 scope syntax', () => {
  it.each([
    ['a', ['a']],
    ['read:profile read:features', ['read:profile', 'read:features']],
    ['b a', ['b', 'a']],
    ["!#$%&'()*+,-./:;<=>?@[]^_`{|}~", ["!#$%&'()*+,-./:;<=>?@[]^_`{|}~"]],
    ['a b a', ['a', 'b']],
  ])('reads %j', (value, expected) => {
    expect(parseScope(value)).toEqual(expected);
  });

  it.each(['', ' ', 'a  b', ' a', 'a ', 'a\tb', 'a\nb', 'a\0', '"a"', 'a\\b', 'é', 'a\u007f', 'a\u00a0b', '😀'])(
    'T-13: refuses %j',
    (value) => {
      expect(() => parseScope(value)).toThrow(INVALID);
    },
  );

  it('T-17: counts a repeated scope once', () => {
    expect(parseScope(Array.from({ length: 500 }, () => 'read:profile').join(' '))).toEqual(['read:profile']);
    const many = Array.from({ length: 40 }, (_, index) => `s${index}`);
    expect(parseScope([...many, ...many, ...many].join(' '))).toEqual(many);
  });

  it.each([
    [[], ''],
    [['a'], 'a'],
    [['a', 'b'], 'a b'],
  ])('formats %j', (scope, expected) => {
    expect(formatScope(scope)).toBe(expected);
  });

  it.each([
    ['a', true],
    ['manage:*', true],
    ['', false],
    ['a b', false],
    ['a"', false],
  ])('isScopeToken(%j) is %s', (text, expected) => {
    expect(isScopeToken(text)).toBe(expected);
  });
});

describe('what a scope covers', () => {
  it.each([
    ['a', 'a', true],
    ['a', 'A', false],
    ['a', 'a:b', false],
    ['manage:*', 'manage:billing', true],
    ['manage:*', 'manage:a:b', true],
    ['manage:*', 'manage:*', true],
    ['manage:*', 'manage:', false],
    ['manage:*', 'manage', false],
    ['manage:*', 'manager:x', false],
    ['manage:*', 'manage:*:x', false],
    ['manage:*', '*', false],
    ['manage:a:*', 'manage:b', false],
    ['*', 'a', false],
    ['admin:full', 'admin:users', true],
    ['admin:full', 'admin:full', true],
    ['admin:full', 'oauth:introspect', true],
    ['admin:full', 'oauth:other', false],
    ['admin:full', 'admin:', false],
    ['admin:full', 'admin:*', false],
    ['admin:full', 'events:publish', false],
    ['admin:full', 'state:read', false],
    ['admin:oauth', 'admin:users', false],
    ['admin:*', 'admin:full', false],
    ['oauth:*', 'oauth:introspect', false],
  ])('scopeCovers(%j, %j) is %s', (allowed, asked, expected) => {
    expect(scopeCovers(allowed, asked)).toBe(expected);
  });
});

describe('RFC 6749 §3.3 the scope of a token', () => {
  it.each<[string, string[], string | undefined, string[]]>([
    [
      'nothing asked: all, the wildcard as it is stored',
      ['read:profile', 'manage:*'],
      undefined,
      ['read:profile', 'manage:*'],
    ],
    ['an empty scope counts as omitted', ['read:profile'], '', ['read:profile']],
    ['a part', ['read:profile', 'read:features'], 'read:features', ['read:features']],
    ['in the order asked, folded', ['a', 'b'], 'b a b', ['b', 'a']],
    ['a registered name under a wildcard', ['manage:*'], 'manage:billing', ['manage:billing']],
    ['the stored wildcard literally', ['manage:*'], 'manage:*', ['manage:*']],
    [
      'any registered admin scope for admin:full',
      ['admin:full'],
      'admin:users admin:oauth',
      ['admin:users', 'admin:oauth'],
    ],
    ['oauth:introspect for admin:full', ['admin:full'], 'oauth:introspect', ['oauth:introspect']],
    ['nothing allowed, nothing asked', [], undefined, []],
  ])('%s', (_, allowed, asked, expected) => {
    expect(resolve(allowed, asked)).toEqual(expected);
  });

  it.each([
    ['T-15', ['manage:*'], 'manage:unregistered'],
    ['T-15', ['manage:*'], 'manage:'],
    ['T-15', ['manage:*'], 'manage:*:x'],
    ['T-15', ['manage:*'], '*'],
    ['T-15', ['manage:*'], 'manage:../admin:full'],
    ['a literal wildcard that is not stored', ['manage:billing'], 'manage:*'],
    ['admin:* for admin:full', ['admin:full'], 'admin:*'],
    ['an unregistered admin scope', ['admin:full'], 'admin:zzz'],
    ['a scope by name only', ['admin:full'], 'events:publish'],
    ['more than allowed', ['read:profile'], 'admin:full'],
    ['one bad one fails them all', ['read:profile'], 'read:profile read:features'],
    ['anything when nothing is allowed', [], 'read:profile'],
    ['T-13: blanks only', ['read:profile'], ' '],
  ])('%s: a client with %j may not have %j', (_, allowed, asked) => {
    expect(() => resolve(allowed, asked)).toThrow(INVALID);
  });

  it('hands out a list of its own', () => {
    const allowed = ['a'];
    expect(resolve(allowed)).not.toBe(allowed);
  });
});

describe('D8 authority', () => {
  it.each<[boolean, string[], string[]]>([
    [true, ['admin:full'], ['admin:full', 'oauth:introspect', 'oauth:any', 'read:profile', 'manage:*', 'admin:*']],
    [true, ['admin:oauth'], ['read:profile', 'manage:*', 'events:publish', 'state:write', 'admin:oauth']],
    [true, ['admin:oauth'], []],
    [false, ['admin:oauth'], ['admin:full']],
    [false, ['admin:oauth'], ['read:profile', 'admin:events']],
    [false, ['admin:oauth'], ['oauth:introspect']],
    [false, ['admin:oauth'], ['admin:*']],
    [false, ['admin:oauth'], ['oauth:*']],
    [true, ['admin:oauth', 'admin:events'], ['admin:events', 'read:profile']],
    [false, ['admin:events'], ['read:profile']],
    [true, ['admin:events', 'read:profile'], ['read:profile']],
    [true, ['admin:events', 'manage:*'], ['manage:billing']],
    [false, ['admin:events', 'manage:billing'], ['manage:*']],
    [false, ['admin:*'], ['admin:full']],
    [false, [], ['read:profile']],
  ])('%s: %j over %j', (expected, caller, target) => {
    expect(authorityCovers(caller, target)).toBe(expected);
  });

  it.each([
    ['admin:x', true, true],
    ['admin:*', true, true],
    ['oauth:introspect', true, true],
    ['events:publish', false, true],
    ['state:read', false, true],
    ['read:profile', false, false],
    ['administer:x', false, false],
    ['manage:*', false, false],
    ['admin', false, false],
  ])('%s: privileged %s, own %s', (scope, privileged, own) => {
    expect(isPrivileged(scope)).toBe(privileged);
    expect(isOwnScope(scope)).toBe(own);
  });
});

describe('M-07 names that may be registered', () => {
  it.each(['manage:*', 'a:b:*', 'read:profile', 'billing', 'https://scope/like', 'x', 'a'.repeat(128), 'administer:x'])(
    'takes %j',
    (name) => {
      expect(isRegistrableScopeName(name)).toBe(true);
    },
  );

  it.each([
    'admin:*',
    'admin:x',
    'admin:',
    'ADMIN:x',
    '.',
    '..',
    'oauth:x',
    'OAuth:introspect',
    'a b',
    '"',
    '',
    ' ',
    'a'.repeat(129),
    'a'.repeat(300),
    '*',
    'a*',
    '*:a',
    'a:*:b',
    'a:b*',
    'a:**',
    ':*',
    'a:',
    ':a',
    'é',
    'a\\b',
    'a\0',
  ])('refuses %j', (name) => {
    expect(isRegistrableScopeName(name)).toBe(false);
  });
});

describe('what opens an endpoint', () => {
  it.each<[boolean, string[], string]>([
    [true, ['admin:oauth'], 'admin:oauth'],
    [true, ['admin:full'], 'admin:oauth'],
    [true, ['admin:full'], 'admin:system'],
    [false, ['admin:full'], 'events:publish'],
    [false, ['admin:full'], 'state:read'],
    [true, ['events:*'], 'events:publish'],
    [false, ['admin:*'], 'admin:oauth'],
    [false, ['oauth:*'], 'oauth:introspect'],
    [false, ['admin:oauth'], 'admin:events'],
    [false, ['read:profile', 'manage:*'], 'admin:oauth'],
    [false, [], 'admin:oauth'],
  ])('%s: %j for %s', (expected, held, required) => {
    expect(grantsApi(held, required)).toBe(expected);
  });
});
