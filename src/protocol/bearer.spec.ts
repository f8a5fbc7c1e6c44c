import { bearerChallenge } from './bearer.js';

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
