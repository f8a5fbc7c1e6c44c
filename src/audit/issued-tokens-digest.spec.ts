import { canonicalJson } from './canonical-json.js';
import { type IssuedTokenEntry, issuedTokensDigest } from './issued-tokens-digest.js';

const entry: IssuedTokenEntry = {
  id: '019a0000-0000-7000-8000-000000000001',
  issuedAt: 1_770_000_000,
  actorClientId: 'billing',
  ipAddress: '2001:db8::1',
  userAgent: 'curl "8"',
  requestId: 'r',
  details: canonicalJson({ scope: 'a b', grant_type: 'client_credentials', aud: ['https://api.example'] }),
};
const other = { ...entry, id: '019a0000-0000-7000-8000-000000000002' };

describe('the digest of issued tokens', () => {
  it('does not depend on their order', () => {
    const digest = issuedTokensDigest([entry, other]);
    expect(digest).toHaveLength(32);
    expect(issuedTokensDigest([other, entry])).toEqual(digest);
    expect(issuedTokensDigest([entry])).not.toEqual(digest);
  });

  it.each([
    { id: other.id },
    { issuedAt: entry.issuedAt + 1 },
    { actorClientId: 'shipping' },
    { ipAddress: '2001:db8::2' },
    { ipAddress: undefined },
    { userAgent: undefined },
    { requestId: 's' },
    { details: '{}' },
  ])('depends on %j', (member) => {
    expect(issuedTokensDigest([{ ...entry, ...member }])).not.toEqual(issuedTokensDigest([entry]));
  });

  it.each([
    ['2001:db8::1', ['2001:DB8::1', '2001:db8:0:0:0:0:0:1', '2001:db8::0.0.0.1']],
    ['::5', ['::0.0.0.5', '0:0:0:0:0:0:0.0.0.5']],
    ['::102:304', ['::1.2.3.4', '0::1.2.3.4']],
    ['::ffff:1.2.3.4', ['::ffff:102:304', '::FFFF:1.2.3.4']],
  ])('does not depend on how an address is spelled: %s', (ipAddress, others) => {
    const digest = issuedTokensDigest([{ ...entry, ipAddress }]);
    for (const other of others) expect(issuedTokensDigest([{ ...entry, ipAddress: other }])).toEqual(digest);
  });

  it('tells apart two addresses that look alike', () => {
    const [mapped, plain] = ['::ffff:1.2.3.4', '::1.2.3.4'].map((ipAddress) =>
      issuedTokensDigest([{ ...entry, ipAddress }]),
    );
    expect(mapped).not.toEqual(plain);
  });
});

describe('canonical JSON', () => {
  it('sorts members at every depth, and leaves out what is undefined', () => {
    expect(canonicalJson({ b: [{ d: 1, c: 'ü"' }], a: null, u: undefined, é: 1.5, Z: true })).toBe(
      '{"Z":true,"a":null,"b":[{"c":"ü\\"","d":1}],"é":1.5}',
    );
  });
});
