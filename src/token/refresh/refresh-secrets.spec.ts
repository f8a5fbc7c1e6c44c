import { DerivedKeys } from '../../encryption/index.js';
import { parseSecret } from '../../protocol/index.js';
import { firstRandomLength, RefreshSecrets, successorRandomLength } from './refresh-secrets.js';

const secrets = new RefreshSecrets(new DerivedKeys(Buffer.alloc(32, 7)));
const strangers = new RefreshSecrets(new DerivedKeys(Buffer.alloc(32, 8)));
const first = secrets.first(Buffer.from(Array.from({ length: firstRandomLength }, (_, index) => index)));

describe('RefreshSecrets', () => {
  it('makes tokens that tell their kind and identifier', () => {
    expect(first.token).toMatch(/^signet_rt_[A-Za-z0-9]{8}_[A-Za-z0-9]{49}$/);
    expect(parseSecret(first.token)).toEqual({ kind: 'signet_rt', secretId: first.tokenId });
    const next = secrets.next(first.token, Buffer.alloc(successorRandomLength, 5));
    expect(parseSecret(next.token)).toEqual({ kind: 'signet_rt', secretId: next.tokenId });
  });

  it('R-11: keeps nothing of a token that is one', () => {
    expect(first.hash).toHaveLength(32);
    for (const kept of [first.tokenId, first.hash.toString('hex'), first.hash.toString('base64url')]) {
      expect(parseSecret(kept)).toBeNull();
    }
    expect(first.token).not.toContain(first.salt.toString('hex'));
  });

  it('knows a token by its hash, under its own key only', () => {
    expect(secrets.matches(first.token, first.hash)).toBe(true);
    expect(secrets.matches(`${first.token.slice(0, -1)}x`, first.hash)).toBe(false);
    expect(strangers.matches(first.token, first.hash)).toBe(false);
  });

  it('derives the same successor again, of the presented token and what is stored alone', () => {
    const next = secrets.next(first.token, Buffer.alloc(successorRandomLength, 5));
    expect(secrets.again(first.token, next)).toBe(next.token);
    expect(secrets.matches(next.token, next.hash)).toBe(true);
  });

  it.each<[string, () => string]>([
    ['another token', () => secrets.again(secrets.first(Buffer.alloc(firstRandomLength, 9)).token, first)],
    ['another salt', () => secrets.again(first.token, { ...first, salt: Buffer.alloc(16) })],
    ['another key', () => strangers.again(first.token, first)],
  ])('derives something else of %s', (_, derive) => {
    expect(derive()).not.toBe(secrets.again(first.token, first));
  });
});
