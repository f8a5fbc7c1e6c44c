import { bearerChallenge, dpopChallenge } from './bearer.js';

describe('RFC 6750 §3 Bearer challenge', () => {
  it.each([
    [undefined, 'Bearer'],
    [{}, 'Bearer'],
    [{ error: 'invalid_token' }, 'Bearer error="invalid_token"'],
    [{ error: 'insufficient_scope', scope: 'admin:oauth' }, 'Bearer error="insufficient_scope", scope="admin:oauth"'],
    [
      { error: 'invalid_token', description: 'the token expired' },
      'Bearer error="invalid_token", error_description="the token expired"',
    ],
    [
      { error: 'invalid_token', description: 'a"b\\c\r\nX: é' },
      'Bearer error="invalid_token", error_description="a?b?c??X: ?"',
    ],
  ] as const)('writes %j as %s', (challenge, expected) => {
    expect(bearerChallenge(challenge)).toBe(expected);
  });
});

describe('RFC 9449 §7.1 DPoP challenge', () => {
  it.each([
    [{ algorithms: ['ES256', 'PS256'] }, 'DPoP algs="ES256 PS256"'],
    [{ error: 'invalid_token', algorithms: ['ES256'] }, 'DPoP error="invalid_token", algs="ES256"'],
    [
      { error: 'use_dpop_nonce', description: 'a "nonce"', algorithms: ['ES256'] },
      'DPoP error="use_dpop_nonce", error_description="a ?nonce?", algs="ES256"',
    ],
    [
      { error: 'insufficient_scope', scope: 'admin:oauth', algorithms: ['ES256'] },
      'DPoP error="insufficient_scope", scope="admin:oauth", algs="ES256"',
    ],
  ] as const)('writes %j as %s', (challenge, expected) => {
    expect(dpopChallenge(challenge)).toBe(expected);
  });
});
