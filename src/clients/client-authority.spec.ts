import { powerOf, requireAuthority } from './client-authority.js';

const issuer = 'https://signet.example';

function client(scope: string[], resourceIdentifiers: string[] = []) {
  return { scope, resourceIdentifiers };
}

describe('powerOf', () => {
  it('is what the client may ask for', () => {
    expect(powerOf(client(['a:b', 'admin:oauth'], ['https://api']), issuer)).toEqual(['a:b', 'admin:oauth']);
  });

  it('is everything where it serves the API of the server itself', () => {
    expect(powerOf(client(['a:b'], [issuer]), issuer)).toEqual(['a:b', 'admin:full']);
  });
});

describe('requireAuthority', () => {
  it.each<[string[], string[] | undefined, string[] | undefined]>([
    [['admin:full'], ['admin:full', 'oauth:introspect', 'x:y'], ['admin:events']],
    [['admin:oauth'], ['x:y', 'manage:*', 'events:publish', 'admin:oauth'], undefined],
    [['admin:oauth', 'admin:events'], undefined, ['admin:events', 'admin:oauth']],
    [['admin:oauth'], [], []],
  ])('%j may take a client from %j to %j', (caller, before, after) => {
    expect(() => requireAuthority(caller, issuer, before && client(before), after && client(after))).not.toThrow();
  });

  it.each<[string[], string[] | undefined, string[] | undefined, string]>([
    [['admin:oauth'], ['admin:full'], [], 'admin:full'],
    [['admin:oauth'], [], ['admin:*'], 'admin:*'],
    [['admin:oauth'], ['admin:events'], ['admin:events', 'admin:users'], 'admin:events admin:users'],
    [['admin:oauth', 'admin:events'], ['oauth:introspect'], undefined, 'oauth:introspect'],
    [['admin:events'], ['x:y'], undefined, 'x:y'],
  ])('%j may not take a client from %j to %j', (caller, before, after, missing) => {
    expect(() => requireAuthority(caller, issuer, before && client(before), after && client(after))).toThrow(
      expect.objectContaining({ status: 403, challenge: `Bearer error="insufficient_scope", scope="${missing}"` }),
    );
  });
});
