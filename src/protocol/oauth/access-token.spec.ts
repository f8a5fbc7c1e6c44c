import { ACCESS_TOKEN_TYPE, accessTokenClaims } from './access-token.js';

const token = {
  issuer: 'https://signet.example',
  clientId: 'billing',
  subject: 'billing',
  audience: 'https://api.a',
  scope: ['read:profile', 'manage:*'],
  issuedAt: 1_800_000_000,
  lifetimeSeconds: 600,
  jti: '019b-1',
};

describe('RFC 9068 §2.2 access token claims', () => {
  it('has every required claim', () => {
    expect(accessTokenClaims(token)).toEqual({
      iss: 'https://signet.example',
      sub: 'billing',
      client_id: 'billing',
      aud: 'https://api.a',
      iat: 1_800_000_000,
      exp: 1_800_000_600,
      jti: '019b-1',
      scope: 'read:profile manage:*',
    });
  });

  it('§2.2.3: has an empty scope claim if there is no scope', () => {
    expect(accessTokenClaims({ ...token, scope: [] })).toHaveProperty('scope', '');
  });

  it('keeps an array of audiences and a subject of its own', () => {
    expect(accessTokenClaims({ ...token, audience: ['a:1', 'b:2'], subject: 'user-1' })).toMatchObject({
      aud: ['a:1', 'b:2'],
      sub: 'user-1',
      client_id: 'billing',
    });
  });

  it('RFC 7519 §2: times are whole seconds', () => {
    expect(accessTokenClaims({ ...token, issuedAt: 1_800_000_000.9 })).toMatchObject({
      iat: 1_800_000_000,
      exp: 1_800_000_600,
    });
  });

  it('§2.1: names its type', () => {
    expect(ACCESS_TOKEN_TYPE).toBe('at+jwt');
  });
});
