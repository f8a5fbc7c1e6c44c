import type { RequestOrigin } from '../audit/index.js';
import { batchColumns } from './access-token.batch.js';
import type { AccessTokenRecord } from './access-token-record.js';
import { tokenTerms } from './token-terms.js';

const terms = tokenTerms({
  grantType: 'client_credentials',
  clientId: 'billing',
  clientVersion: '1',
  registryVersion: '1',
  scope: ['read:profile'],
  audience: 'https://api.example',
  lifetimeSeconds: 600,
});

function record(index: number, origin: Partial<RequestOrigin>): AccessTokenRecord {
  return {
    jti: `019a0000-0000-7000-8000-00000000000${index}`,
    tokenHash: '00',
    kid: 'k',
    issuedAt: 1_770_000_000,
    terms,
    origin: { ipAddress: '192.0.2.1', userAgent: 'curl/8', requestId: 'r', ...origin },
  };
}

function contextsOf(...origins: Partial<RequestOrigin>[]): number[] {
  return batchColumns(origins.map((origin, index) => record(index, origin))).contextOf;
}

describe('the contexts of a batch', () => {
  it('are shared by what is alike', () => {
    expect(contextsOf({}, { requestId: 's' }, { userAgent: 'other' }, {})).toEqual([0, 0, 1, 0]);
  });

  it.each<[string, Partial<RequestOrigin>, Partial<RequestOrigin>]>([
    ['no user agent and an empty one', { userAgent: undefined }, { userAgent: '' }],
    [
      'no user agent and one that looks like an address',
      { ipAddress: '192.0.2.1', userAgent: undefined },
      { ipAddress: undefined, userAgent: '192.0.2.1' },
    ],
  ])('are two for %s, as the digest tells them apart', (_, one, other) => {
    expect(contextsOf(one, other)).toEqual([0, 1]);
  });
});
