import { generateKeyPairSync } from 'node:crypto';
import { readJwks } from './client-jwks.js';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' });

function faultsOf(key: object): string[] {
  const faults: string[] = [];
  readJwks({ keys: [key] }, '/jwks', (pointer) => faults.push(pointer));
  return faults;
}

it('takes a public key', () => {
  expect(faultsOf(rsa)).toEqual([]);
});

it.each([
  ['a modulus that takes seconds to verify with', { ...rsa, n: rsa.n?.repeat(60) }],
  ['an exponent that takes seconds to verify with', { ...rsa, e: rsa.n }],
  ['a key that is longer than any', { ...rsa, x5c: ['A'.repeat(40_000)] }],
])('refuses %s, before anything is computed with it', (_what, key) => {
  expect(faultsOf(key)).toEqual(['/jwks/keys/0']);
});
