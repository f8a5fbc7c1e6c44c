import { narrowedGrant, refreshedAudience, refreshedScope, requireBinding } from './refresh-terms.js';

const issuer = 'https://signet.example';
const registered = new Set(['read:profile', 'read:features', 'manage:orders', 'admin:oauth', 'oauth:introspect']);

interface Power {
  readonly scope?: readonly string[];
  readonly audience?: readonly string[];
}

function question(granted: Power, allowed: Power) {
  return {
    family: { scope: [], audience: [], ...granted },
    client: { scope: [], audience: [], ...allowed },
  };
}

function scopeOf(granted: readonly string[], allowed: readonly string[], asked?: string): string[] {
  return refreshedScope(question({ scope: granted }, { scope: allowed }), asked, (name) => registered.has(name));
}

function audienceOf(granted: readonly string[], client: Power, asked: readonly string[] = []): string | string[] {
  return refreshedAudience(question({ audience: granted }, client), asked, issuer);
}

const invalidScope = expect.objectContaining({ code: 'invalid_scope' }) as Error;
const invalidTarget = expect.objectContaining({ code: 'invalid_target' }) as Error;

describe('refreshedScope', () => {
  const both = ['read:profile', 'read:features'];

  it.each<[string, readonly string[], readonly string[], string | undefined, readonly string[]]>([
    ['omitted: what was granted', ['read:profile'], both, undefined, ['read:profile']],
    ['empty: as omitted', ['read:profile'], both, '', ['read:profile']],
    ['narrower', both, both, 'read:features', ['read:features']],
    ['R-07: narrower, without what was removed', both, ['read:features'], 'read:features', ['read:features']],
    ['what a granted wildcard covers', ['manage:*'], ['manage:*'], 'manage:orders', ['manage:orders']],
    ['what is still allowed of a wildcard', ['manage:*'], ['manage:orders'], 'manage:orders', ['manage:orders']],
    ['allowed by a wildcard now', ['manage:orders'], ['manage:*'], undefined, ['manage:orders']],
    ['a part of admin:full', ['admin:full'], ['admin:oauth'], 'admin:oauth', ['admin:oauth']],
    ['nothing was granted, nothing asked for', [], both, undefined, []],
  ])('%s', (_, granted, allowed, asked, expected) => {
    expect(scopeOf(granted, allowed, asked)).toEqual(expected);
  });

  it.each<[string, readonly string[], readonly string[], string | undefined]>([
    ['more than was granted', ['read:profile'], both, 'read:profile read:features'],
    ['something else than was granted', ['read:profile'], both, 'read:features'],
    ['something where nothing was granted', [], both, 'read:profile'],
    ['a wildcard over what was granted', ['manage:orders'], ['manage:*'], 'manage:*'],
    ['R-07: what was removed, omitted', both, ['read:features'], undefined],
    ['R-07: what was removed, asked for', both, ['read:features'], 'read:profile'],
    ['R-07: a wildcard that was removed', ['manage:*'], ['manage:orders'], undefined],
    ['what is registered no longer', ['manage:gone'], ['manage:*'], undefined],
    ['malformed', both, both, 'read:profile  read:features'],
  ])('invalid_scope: %s', (_, granted, allowed, asked) => {
    expect(() => scopeOf(granted, allowed, asked)).toThrow(invalidScope);
  });
});

describe('refreshedAudience', () => {
  const [a, b] = ['https://api.a', 'https://api.b'];

  it.each<[string, readonly string[], Power, readonly string[], string | string[]]>([
    ['omitted: what was granted, one', [a], { audience: [a, b] }, [], a],
    ['omitted: what was granted, two', [b, a], { audience: [a, b] }, [], [b, a]],
    ['a part', [a, b], { audience: [a, b] }, [b], b],
    ['R-07: a part, without what was removed', [a, b], { audience: [b] }, [b], b],
    ['repeated', [a, b], { audience: [a, b] }, [b, b], b],
    ['the issuer, by default', [issuer], {}, [], issuer],
    ['the issuer, of an audience', [issuer, a], { audience: [a, issuer] }, [], [issuer, a]],
    ['the issuer, asked for then and allowed now', [issuer], { audience: [a], scope: ['admin:oauth'] }, [], issuer],
    ['the issuer, asked for now', [issuer], { scope: ['events:publish'] }, [issuer], issuer],
  ])('%s', (_, granted, client, asked, expected) => {
    expect(audienceOf(granted, client, asked)).toEqual(expected);
  });

  it.each<[string, readonly string[], Power, readonly string[]]>([
    ['R-07: removed, omitted', [a, b], { audience: [b] }, []],
    ['R-07: removed, asked for', [a, b], { audience: [b] }, [a]],
    ['R-07: all removed', [a], {}, []],
    ['not granted', [a], { audience: [a, b] }, [b]],
    ['one of two not granted', [a], { audience: [a, b] }, [a, b]],
    ['the issuer, not granted', [a], { audience: [a], scope: ['admin:oauth'] }, [issuer]],
    ['the issuer, no longer allowed', [issuer], { audience: [a], scope: ['read:profile'] }, []],
    ['T-19: the issuer by default, but asked for', [issuer], { scope: ['read:profile'] }, [issuer]],
    ['malformed', [a], { audience: [a] }, ['/a']],
  ])('invalid_target: %s', (_, granted, client, asked) => {
    expect(() => audienceOf(granted, client, asked)).toThrow(invalidTarget);
  });
});

describe('narrowedGrant', () => {
  const [a, b] = ['https://api.a', 'https://api.b'];
  const both = ['read:profile', 'read:features'];

  it.each<[string, Power, Power]>([
    ['all of it', { scope: both, audience: [a] }, { scope: both, audience: [b, a] }],
    ['nothing was granted', { audience: [issuer] }, {}],
    ['under a wildcard now', { scope: ['manage:orders'], audience: [a] }, { scope: ['manage:*'], audience: [a] }],
    ['under admin:full now', { scope: ['admin:oauth'], audience: [issuer] }, { scope: ['admin:full'], audience: [a] }],
    [
      'the issuer, not by default any more but allowed',
      { audience: [issuer] },
      { scope: ['state:read'], audience: [a] },
    ],
  ])('nothing is lost: %s', (_, granted, allowed) => {
    expect(narrowedGrant(question(granted, allowed), issuer)).toBeUndefined();
  });

  it.each<[string, Power, Power, Power]>([
    [
      'R-07: a scope',
      { scope: both, audience: [a] },
      { scope: ['read:profile', 'x'], audience: [a] },
      { scope: ['read:profile'], audience: [a] },
    ],
    ['R-07: an audience', { audience: [a, b] }, { audience: [b, 'https://api.c'] }, { audience: [b] }],
    ['R-07: the issuer', { audience: [a, issuer] }, { scope: ['x'], audience: [a] }, { audience: [a] }],
    ['a part of a wildcard', { scope: ['manage:*'] }, { scope: ['manage:a', 'x:a'] }, { scope: ['manage:a'] }],
    ['a wildcard of a wildcard', { scope: ['a:*'] }, { scope: ['a:b:*', 'ab:*'] }, { scope: ['a:b:*'] }],
    ['a part of admin:full', { scope: ['admin:full'] }, { scope: ['admin:oauth'] }, { scope: ['admin:oauth'] }],
    ['what is there twice', { scope: ['a:*', 'a:b'] }, { scope: ['a:b'] }, { scope: ['a:b'] }],
  ])('%s', (_, granted, allowed, left) => {
    expect(narrowedGrant(question(granted, allowed), issuer)).toEqual({ scope: [], audience: [], ...left });
  });
});

describe('requireBinding', () => {
  const none = { jkt: undefined, certificateThumbprint: undefined };
  const byKey = { ...none, jkt: 'one' };
  const byCertificate = { ...none, certificateThumbprint: 'one' };

  it('lets pass what was never bound, bound now or not', () => {
    requireBinding(none, undefined);
    requireBinding(none, { jkt: 'one', 'x5t#S256': 'one' });
  });

  it('lets pass another key of a client that authenticates itself, and the same certificate', () => {
    requireBinding(byKey, { jkt: 'two' });
    requireBinding(byCertificate, { 'x5t#S256': 'one' });
  });

  it('J-29: refuses a family that was begun with a key, without one', () => {
    const fault = expect.objectContaining({ code: 'invalid_dpop_proof', status: 400 }) as Error;
    expect(() => requireBinding(byKey, undefined)).toThrow(fault);
    expect(() => requireBinding(byKey, { 'x5t#S256': 'one' })).toThrow(fault);
  });

  it('refuses a family that was begun with a certificate, with none or another', () => {
    const fault = expect.objectContaining({ code: 'invalid_grant', status: 400 }) as Error;
    for (const confirmation of [undefined, { jkt: 'one' }, { 'x5t#S256': 'two' }]) {
      expect(() => requireBinding(byCertificate, confirmation)).toThrow(fault);
    }
  });
});
