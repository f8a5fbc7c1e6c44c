import { presentedToken } from './presented-token.js';

describe('RFC 6750 §2.1, RFC 9449 §7.1 how a token is sent', () => {
  it.each([
    ['Bearer a.b.c', 'Bearer', 'a.b.c'],
    ['bearer a.b.c', 'Bearer', 'a.b.c'],
    ['BEARER   a.b.c', 'Bearer', 'a.b.c'],
    ['DPoP a.b.c', 'DPoP', 'a.b.c'],
    ['dpop a.b.c', 'DPoP', 'a.b.c'],
  ])('%p', (authorization, scheme, token) => {
    expect(presentedToken(authorization)).toEqual({ scheme, token });
  });

  it.each([
    ['Bearer', 'Bearer'],
    ['Bearer ', 'Bearer'],
    ['Bearer a b', 'Bearer'],
    ['Bearer a, DPoP b', 'Bearer'],
    ['DPoP', 'DPoP'],
    ['DPoP a, Bearer a', 'DPoP'],
    ['DPoP a ', 'DPoP'],
  ])('%p is no token, and not none either', (authorization, scheme) => {
    expect(presentedToken(authorization)).toEqual({ scheme, token: '-' });
  });

  it.each([undefined, '', 'Basic a', 'Bearera a', 'DPoPs a', 'a', ' Bearer a', 'Bearer\ta'])(
    '%p is none',
    (authorization) => {
      expect(presentedToken(authorization)).toBeUndefined();
    },
  );
});
